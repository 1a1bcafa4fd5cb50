#include "binding/jobs.h"

#include <chrono>
#include <utility>

namespace cloudenv {

namespace {

// The event loop gets a turn after so much settling. The promises' own reactions take extra time, hence the
// limit on their number too: 256 × 10 µs is another 2.5 ms.
constexpr std::chrono::milliseconds kMaxTurn(2);
constexpr int kMaxJobsPerTurn = 256;

}  // namespace

Jobs::Jobs(Napi::Env env) {
  wake_up_ = WakeUp::New(env, "rocksdb-cloud-env", 0, 1, this);
  wake_up_.Unref(env);
  set_immediate_ = Napi::Persistent(env.Global().Get("setImmediate").As<Napi::Function>());
  settle_finished_ = Napi::Persistent(
      Napi::Function::New(env, [this](const Napi::CallbackInfo& info) { SettleFinished(info.Env()); }));
}

void Jobs::Start(Executor* executor, std::vector<Work> pieces, Settle settle) {
  if (stopped_) return;
  if (in_flight_.empty()) wake_up_.Ref(set_immediate_.Env());
  Job* job = &in_flight_.emplace_front(std::move(pieces), std::move(settle));
  job->position = in_flight_.begin();
  for (const Work& piece : job->pieces) {
    executor->Submit([this, job, &piece] {
      piece();
      if (--job->pieces_left == 0) Finish(job);
    });
  }
}

void Jobs::Stop() {
  if (stopped_) return;
  stopped_ = true;
  finished_.clear();
  in_flight_.clear();
  wake_up_.Abort();
}

void Jobs::Finish(Job* job) {
  std::lock_guard<std::mutex> lock(mutex_);
  finished_.push_back(job);
  if (awake_) return;
  awake_ = true;
  wake_up_.NonBlockingCall();
}

void Jobs::OnWakeUp(Napi::Env env, Napi::Function, Jobs* jobs, void*) {
  if (env != nullptr) jobs->SettleFinished(env);
}

void Jobs::SettleFinished(Napi::Env env) {
  const auto turn_ends = std::chrono::steady_clock::now() + kMaxTurn;
  Job* job = nullptr;
  for (int settled = 0; NextFinished(&job); ++settled) {
    Napi::HandleScope scope(env);
    // A call of the thread-safe function would run in this same turn of the event loop.
    if (settled == kMaxJobsPerTurn || std::chrono::steady_clock::now() > turn_ends) {
      {
        std::lock_guard<std::mutex> lock(mutex_);
        finished_.push_front(job);
      }
      set_immediate_.Call({settle_finished_.Value()});
      return;
    }
    job->pieces.clear();
    job->settle(env);
    in_flight_.erase(job->position);
  }
  if (in_flight_.empty()) wake_up_.Unref(env);
}

bool Jobs::NextFinished(Job** job) {
  std::lock_guard<std::mutex> lock(mutex_);
  awake_ = !finished_.empty();
  if (!awake_) return false;
  *job = finished_.front();
  finished_.pop_front();
  return true;
}

}  // namespace cloudenv
