#include "binding/retry_coordinator.h"

#include <algorithm>
#include <utility>

namespace cloudenv {

using rocksdb::IOStatus;
using rocksdb::Status;

namespace {

using std::chrono::steady_clock;

// An Env retries hiccups by itself, so an error here is an outage. Work resumes at most the last of these
// pauses after its end.
constexpr std::chrono::milliseconds kFirstPause(100);
constexpr std::chrono::milliseconds kLastPause(2000);

// RocksDB reports the end of an attempt to recover, whichever way it ends. Asking again is only for a missing
// report, and is seldom: RocksDB 9 starts a flush for each call, which fails, and recovers only between them.
constexpr std::chrono::seconds kAskAgain(5);

// RocksDB treats an error that is not retryable and concerns the file system as fatal. It always tries to
// recover from "no space".
IOStatus Final(const IOStatus& status) {
  IOStatus final =
      status.subcode() == IOStatus::SubCode::kNoSpace ? IOStatus::IOError(status.getState()) : status;
  final.SetRetryable(false);
  final.SetScope(IOStatus::kIOErrorScopeFileSystem);
  return final;
}

bool IsRecoverable(const Status& status) {
  if (status.subcode() == Status::kIOFenced) return false;  // Somebody else has the database, and keeps it.
  // An error that RocksDB met during a recovery comes without its severity, which copies of IOStatus lose.
  if (status.severity() == Status::kNoError)
    return rocksdb::status_to_io_status(Status(status)).GetRetryable();
  return status.severity() == Status::kSoftError || status.severity() == Status::kHardError;
}

}  // namespace

struct RetryCoordinator::FlushRound {
  ColumnFamilies families;
  Status status;
  bool is_done = false;
};

void RetryCoordinator::Begin(FlushNow flush_now) {
  std::lock_guard<std::mutex> lock(mutex_);
  flush_now_ = std::move(flush_now);
  state_ = State::kOpen;
}

bool RetryCoordinator::has_begun() {
  std::lock_guard<std::mutex> lock(mutex_);
  return state_ != State::kOpening;
}

void RetryCoordinator::Stop() {
  std::lock_guard<std::mutex> lock(mutex_);
  state_ = State::kStopped;
  changed_.notify_all();
}

void RetryCoordinator::FinishFlushes() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    is_finishing_ = true;
    changed_.notify_all();
  }
  if (flushes_.joinable()) flushes_.join();
}

bool RetryCoordinator::IsOutage(const IOStatus& status) {
  return status.GetRetryable() && status.subcode() != IOStatus::SubCode::kIOFenced;
}

IOStatus RetryCoordinator::RetryUntilStopped(const std::function<IOStatus()>& call, MayPass may_pass) {
  IOStatus status = call();
  if (!may_pass(status)) return status;
  std::unique_lock<std::mutex> lock(mutex_);
  if (state_ == State::kOpening) return status;
  const auto shown = waited_out_.insert(waited_out_.end(), status);
  for (auto pause = kFirstPause; may_pass(status); pause = std::min(2 * pause, kLastPause)) {
    *shown = status;
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

IOStatus RetryCoordinator::WaitedOut() {
  std::lock_guard<std::mutex> lock(mutex_);
  return waited_out_.empty() ? IOStatus::OK() : waited_out_.back();
}

Status RetryCoordinator::PauseWrite(std::chrono::milliseconds pause) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (background_error_.IsNoSpace()) return background_error_;
  if (changed_.wait_for(lock, pause, [this] { return state_ == State::kStopped; })) return Status::Aborted();
  return waited_out_.empty() ? Status::OK() : waited_out_.back();
}

Status RetryCoordinator::Flush(const ColumnFamilies& families, const std::atomic<bool>& written,
                               Deadline deadline) {
  std::unique_lock<std::mutex> lock(mutex_);
  // Writes wait too if memory is full of entries that cannot be flushed.
  if (!changed_.wait_until(lock, deadline, [&] { return written.load(); })) return Obstacle();
  while (true) {
    const int seen = recoveries_ended_;
    const std::shared_ptr<FlushRound> round = JoinRound(families);
    if (!changed_.wait_until(lock, deadline, [&] { return round->is_done; })) return Obstacle();
    const Status status = round->status;
    if (!IsRecoverable(status)) return status;
    const auto is_over = [&] { return state_ == State::kStopped || recoveries_ended_ != seen; };
    changed_.wait_until(lock, std::min<Deadline>(steady_clock::now() + kAskAgain, deadline), is_over);
    if (state_ == State::kStopped || steady_clock::now() >= deadline) return status;
  }
}

void RetryCoordinator::NotifyWritten() {
  std::lock_guard<std::mutex> lock(mutex_);
  changed_.notify_all();
}

bool RetryCoordinator::is_flushing() {
  std::lock_guard<std::mutex> lock(mutex_);
  return is_round_under_way_ || next_round_;
}

bool RetryCoordinator::has_failed() {
  std::lock_guard<std::mutex> lock(mutex_);
  return has_failed_;
}

std::shared_ptr<RetryCoordinator::FlushRound> RetryCoordinator::JoinRound(const ColumnFamilies& families) {
  if (!next_round_) next_round_ = std::make_shared<FlushRound>();
  next_round_->families.insert(families.begin(), families.end());
  if (!flushes_.joinable()) flushes_ = std::thread([this] { FlushUntilFinished(); });
  changed_.notify_all();
  return next_round_;
}

Status RetryCoordinator::Obstacle() const {
  if (!waited_out_.empty()) return waited_out_.back();
  return background_error_.ok() ? Status::TimedOut("not done in time") : background_error_;
}

void RetryCoordinator::FlushUntilFinished() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return is_finishing_ || next_round_; });
    if (!next_round_) return;
    const std::shared_ptr<FlushRound> round = std::exchange(next_round_, nullptr);
    is_round_under_way_ = true;
    lock.unlock();
    const Status status = flush_now_(round->families);
    round->families.clear();  // The last reference to a family calls RocksDB.
    lock.lock();
    round->status = status;
    round->is_done = true;
    is_round_under_way_ = false;
    changed_.notify_all();
  }
}

void RetryCoordinator::OnBackgroundError(rocksdb::BackgroundErrorReason reason, Status* error) {
  std::lock_guard<std::mutex> lock(mutex_);
  const bool is_compaction = reason == rocksdb::BackgroundErrorReason::kCompaction;
  if (!error->ok() && (!is_compaction || error->IsNoSpace())) background_error_ = *error;
  // RocksDB would fail an atomic flush for this, and forget its memtables. It compacts again all the same.
  if (is_compaction && error->IsNoSpace()) *error = Status::OK();
  if (error->severity() >= Status::kFatalError || error->subcode() == Status::kIOFenced) has_failed_ = true;
}

void RetryCoordinator::OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo& info) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (info.status.ok() && background_error_.IsNoSpace()) background_error_ = Status::OK();
}

void RetryCoordinator::OnErrorRecoveryEnd(const rocksdb::BackgroundErrorRecoveryInfo& info) {
  std::lock_guard<std::mutex> lock(mutex_);
  background_error_ = info.new_bg_error;
  ++recoveries_ended_;
  changed_.notify_all();
}

}  // namespace cloudenv
