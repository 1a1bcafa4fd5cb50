#include "binding/thread_pool.h"

#include <utility>

namespace cloudenv {

void ThreadPool::Run(std::function<void()> work) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_) return;
  queue_.push_back(std::move(work));
  if (queue_.size() > idle_threads_ && threads_.size() < max_threads_) {
    threads_.emplace_back([this] { RunThread(); });
  } else {
    work_added_.notify_one();
  }
}

void ThreadPool::Stop() {
  std::vector<std::thread> threads;
  std::deque<std::function<void()>> dropped;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
    dropped.swap(queue_);
  }
  work_added_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

void ThreadPool::RunThread() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    ++idle_threads_;
    work_added_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    --idle_threads_;
    if (queue_.empty()) return;
    std::function<void()> work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

}  // namespace cloudenv
