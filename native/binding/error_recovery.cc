#include "binding/error_recovery.h"

#include <algorithm>

namespace cloudenv {

using rocksdb::Status;

namespace {

// RocksDB says when an attempt to recover has ended, whichever way. To ask again is only for the case that it
// does not say so, and seldom: RocksDB 9 starts a flush for each call, which fails, and recovers only between
// them.
constexpr std::chrono::seconds kAskAgain(5);

bool MayPass(const Status& status) {
  if (status.subcode() == Status::kIOFenced) return false;  // Somebody else has the database, and keeps it.
  return status.severity() == Status::kSoftError || status.severity() == Status::kHardError;
}

}  // namespace

Status ErrorRecovery::Retry(const std::function<Status()>& call, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    const int seen = attempts_ended_;
    const Status status = call();
    if (status.ok() || !MayPass(status)) return status;
    std::unique_lock<std::mutex> lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (stopped_ || now >= deadline) return status;
    changed_.wait_until(lock, std::min<decltype(deadline)>(now + kAskAgain, deadline),
                        [this, seen] { return stopped_ || attempts_ended_ != seen; });
  }
}

void ErrorRecovery::Stop() {
  std::lock_guard<std::mutex> lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

void ErrorRecovery::OnBackgroundError(rocksdb::BackgroundErrorReason, Status* error) {
  if (error->severity() >= Status::kFatalError || error->subcode() == Status::kIOFenced) has_failed_ = true;
}

void ErrorRecovery::OnErrorRecoveryEnd(const rocksdb::BackgroundErrorRecoveryInfo&) {
  std::lock_guard<std::mutex> lock(mutex_);
  ++attempts_ended_;
  changed_.notify_all();
}

}  // namespace cloudenv
