#include "binding/flusher.h"

#include <atomic>
#include <utility>

namespace cloudenv {

using rocksdb::Status;

struct Flusher::Round {
  ColumnFamilies families;
  Status status;
  std::atomic<bool> done{false};
};

Status Flusher::Flush(const ColumnFamilies& families, Patience::Deadline deadline) {
  std::shared_ptr<Round> round;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!next_) next_ = std::make_shared<Round>();
    round = next_;
    round->families.insert(families.begin(), families.end());
    if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
    changed_.notify_all();
  }
  const Status waited_out = patience_->Await([&round] { return round->done.load(); }, deadline);
  return waited_out.ok() ? round->status : waited_out;
}

bool Flusher::busy() {
  std::lock_guard<std::mutex> lock(mutex_);
  return at_work_ || next_;
}

void Flusher::Stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Flusher::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || next_; });
    if (!next_) return;
    const std::shared_ptr<Round> round = std::exchange(next_, nullptr);
    at_work_ = true;
    lock.unlock();
    round->status = flush_(round->families);
    round->families.clear();
    round->done = true;
    patience_->Notify();
    lock.lock();
    at_work_ = false;
  }
}

}  // namespace cloudenv
