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
// only take turns, the JavaScript thread among them. Some work waits for an object store, and then another
// thread takes over. Which one it is shows: while the threads at work are blocked, nobody takes what is
// queued.
class ThreadPool : public Executor {
 public:
  explicit ThreadPool(size_t max_threads) : max_threads_(max_threads) {}
  ~ThreadPool() override { Stop(); }

  // After Stop the work is dropped.
  void Run(std::function<void()> work) override;

  // Waits for what has begun and drops the rest.
  void Stop();

 private:
  void RunThread();

  // With the mutex held.
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
  size_t waking_ = 0;  // So many of those that wait have been told not to, or fewer.
  size_t starting_ = 0;
  bool watched_ = false;  // One of those that wait does so only until the others seem to be blocked.
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace cloudenv
