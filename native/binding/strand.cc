#include "binding/strand.h"

#include <utility>

namespace cloudenv {

void Strand::Submit(std::function<void()> work) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(work));
    if (draining_) return;
    draining_ = true;
  }
  threads_->Submit([self = shared_from_this()] { self->Drain(); });
}

void Strand::Drain() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!queue_.empty()) {
    std::function<void()> work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
  draining_ = false;
}

}  // namespace cloudenv
