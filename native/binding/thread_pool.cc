#include "binding/thread_pool.h"

#include <utility>

namespace cloudenv {

namespace {

// Longer than most reads from a local disk. With 64 threads that each wait 10 ms for an object store, one of
// them takes new work every 156 µs.
constexpr std::chrono::microseconds kBlockedAfter(150);

}  // namespace

void ThreadPool::Submit(std::function<void()> work) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_) return;
  queue_.push_back(std::move(work));
  WakeSomebody();
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
  changed_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

void ThreadPool::WorkUntilStopped() {
  std::unique_lock<std::mutex> lock(mutex_);
  --starting_;
  while (!stopping_) {
    if (MayTake()) {
      Take(lock);
    } else {
      Wait(lock);
    }
  }
}

bool ThreadPool::MayTake() const {
  if (queue_.empty()) return false;
  return working_ < processors_ || std::chrono::steady_clock::now() - last_taken_ >= kBlockedAfter;
}

void ThreadPool::Take(std::unique_lock<std::mutex>& lock) {
  std::function<void()> work = std::move(queue_.front());
  queue_.pop_front();
  last_taken_ = std::chrono::steady_clock::now();
  ++working_;
  WakeSomebody();
  lock.unlock();
  work();
  work = nullptr;
  lock.lock();
  --working_;
}

void ThreadPool::Wait(std::unique_lock<std::mutex>& lock) {
  ++waiting_;
  if (!queue_.empty() && !watched_) {
    watched_ = true;
    changed_.wait_until(lock, last_taken_ + kBlockedAfter);
    watched_ = false;
  } else {
    changed_.wait(lock);
  }
  --waiting_;
  if (waking_ > 0) --waking_;  // The clock may have woken it, not a call: hence "or fewer".
}

// If anything is queued, makes sure that a thread takes it now, or watches.
void ThreadPool::WakeSomebody() {
  if (queue_.empty()) return;
  const size_t coming = waking_ + starting_;
  const bool one_can_take = working_ + coming < processors_;
  const bool one_watches = watched_ || coming > 0;
  if (one_watches && !one_can_take) return;
  if (waiting_ > waking_) {
    ++waking_;
    changed_.notify_one();
  } else if (threads_.size() < max_threads_) {
    ++starting_;
    threads_.emplace_back([this] { WorkUntilStopped(); });
  }
}

}  // namespace cloudenv
