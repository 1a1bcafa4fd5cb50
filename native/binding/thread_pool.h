// The threads that call RocksDB. Node's own pool (libuv's) must not do it: an Env host in this process needs
// those four threads to answer the very calls that would occupy them.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "binding/executor.h"

namespace cloudenv {

class ThreadPool : public Executor {
 public:
  // Threads are started as work has to wait for one, and stay.
  explicit ThreadPool(size_t max_threads) : max_threads_(max_threads) {}
  ~ThreadPool() override { Stop(); }

  // After Stop the work is dropped.
  void Run(std::function<void()> work) override;

  // Waits for what has begun and drops the rest.
  void Stop();

 private:
  void RunThread();

  const size_t max_threads_;
  std::mutex mutex_;
  std::condition_variable work_added_;
  std::deque<std::function<void()>> queue_;
  size_t idle_threads_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace cloudenv
