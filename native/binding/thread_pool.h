// The threads that call RocksDB. Node's own pool (libuv's) must not do it: an Env host in this process needs
// those four threads to answer the very calls that would occupy them.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "binding/executor.h"

namespace cloudenv {

// Most work takes microseconds and is done soonest by as many threads as there are processors; more would
// only take turns, also with the JavaScript thread. Some work waits for an object store, and then another
// thread takes over. The queue shows which kind it is: while the threads at work are blocked, nobody takes
// the queued work.
class ThreadPool : public Executor {
 public:
  explicit ThreadPool(size_t max_threads) : max_threads_(max_threads) {}
  ~ThreadPool() override { Stop(); }

  // Drops the work after Stop.
  void Submit(std::function<void()> work) override;

  // Waits for the work that has begun and drops the rest.
  void Stop();

 private:
  void WorkUntilStopped();

  // Call these with the mutex held.
  bool MayTake() const;
  void Take(std::unique_lock<std::mutex>& lock);
  void Wait(std::unique_lock<std::mutex>& lock);
  void WakeSomebody();

  const size_t max_threads_;
  const size_t processors_ = std::max(1u, std::thread::hardware_concurrency());

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  std::chrono::steady_clock::time_point last_taken_;
  size_t working_ = 0;
  size_t waiting_ = 0;
  size_t waking_ = 0;  // So many of those that wait have been woken, or fewer.
  size_t starting_ = 0;
  bool watched_ = false;  // One of those that wait does so only until the others seem to be blocked.
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace cloudenv
