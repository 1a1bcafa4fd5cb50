#include "binding/patience.h"

#include <algorithm>

namespace cloudenv {

using rocksdb::IOStatus;

namespace {

// An Env retries hiccups by itself, so that an error here is an outage. Work goes on within the last of these
// after its end.
constexpr std::chrono::milliseconds kFirstPause(100);
constexpr std::chrono::milliseconds kLastPause(2000);

bool MayPass(const IOStatus& status) {
  return status.GetRetryable() && status.subcode() != IOStatus::SubCode::kIOFenced;
}

// RocksDB takes what is not retryable and concerns the file system for fatal. From "no space" it always tries
// to recover.
IOStatus Final(const IOStatus& status) {
  IOStatus final =
      status.subcode() == IOStatus::SubCode::kNoSpace ? IOStatus::IOError(status.getState()) : status;
  final.SetRetryable(false);
  final.SetScope(IOStatus::kIOErrorScopeFileSystem);
  return final;
}

}  // namespace

void Patience::Begin() {
  std::lock_guard<std::mutex> lock(mutex_);
  state_ = State::kPersisting;
}

void Patience::Stop() {
  std::lock_guard<std::mutex> lock(mutex_);
  state_ = State::kStopped;
  changed_.notify_all();
}

IOStatus Patience::Persist(const std::function<IOStatus()>& call) {
  IOStatus status = call();
  if (status.ok() || !MayPass(status)) return status;
  std::unique_lock<std::mutex> lock(mutex_);
  if (state_ == State::kNotYet) return status;
  const auto shown = waited_out_.insert(waited_out_.end(), status);
  for (auto pause = kFirstPause; MayPass(status); pause = std::min(2 * pause, kLastPause)) {
    *shown = status;
    changed_.notify_all();
    if (changed_.wait_for(lock, pause, [this] { return state_ == State::kStopped; })) {
      status = Final(status);
      break;
    }
    lock.unlock();
    status = call();
    lock.lock();
  }
  waited_out_.erase(shown);
  return status;
}

IOStatus Patience::Await(const std::function<bool()>& done, Deadline deadline) {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto has_error = [this] { return !waited_out_.empty(); };
  changed_.wait_until(lock, deadline, done);
  changed_.wait(lock, [&] { return done() || has_error(); });
  return done() ? IOStatus::OK() : waited_out_.back();
}

void Patience::Notify() {
  std::lock_guard<std::mutex> lock(mutex_);
  changed_.notify_all();
}

}  // namespace cloudenv
