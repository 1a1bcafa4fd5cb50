// Jobs in flight: work that runs on other threads and is settled on the JavaScript thread.
#pragma once

#include <napi.h>

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <vector>

#include "binding/executor.h"

namespace cloudenv {

// Every method is for the JavaScript thread. While a job is in flight the event loop stays alive; without
// one, the process may end.
class Jobs {
 public:
  using Work = std::function<void()>;
  using Settle = std::function<void(Napi::Env)>;

  explicit Jobs(Napi::Env env);

  // Runs the pieces on `executor`, in parallel if it can, then `settle` here. Everything that a piece holds
  // is freed before `settle` runs.
  void Start(Executor* executor, std::vector<Work> pieces, Settle settle);

  // Drops unsettled jobs, and any started later. No piece may be running any more.
  void Stop();

 private:
  struct Job {
    std::vector<Work> pieces;
    std::atomic<size_t> pieces_left;
    Settle settle;
    std::list<Job>::iterator position;

    Job(std::vector<Work> work, Settle settle)
        : pieces(std::move(work)), pieces_left(pieces.size()), settle(std::move(settle)) {}
  };

  static void OnWakeUp(Napi::Env env, Napi::Function, Jobs* jobs, void*);
  using WakeUp = Napi::TypedThreadSafeFunction<Jobs, void, &Jobs::OnWakeUp>;

  void Finish(Job* job);  // Any thread.
  void SettleFinished(Napi::Env env);
  bool NextFinished(Job** job);

  bool stopped_ = false;
  std::list<Job> in_flight_;
  WakeUp wake_up_;
  Napi::FunctionReference set_immediate_;
  Napi::FunctionReference settle_finished_;

  std::mutex mutex_;
  std::deque<Job*> finished_;
  bool awake_ = false;
};

}  // namespace cloudenv
