#include "binding/wal_spill.h"

#include <utility>

namespace cloudenv {

using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus WalSpill::Drain() {
  if (empty_) return IOStatus::OK();
  const std::lock_guard<std::mutex> lock(mutex_);
  while (!files_.empty()) {
    const IOStatus status = (*files_.begin())->DrainLocked();
    if (!status.ok()) return status;
  }
  return IOStatus::OK();
}

WalFile::WalFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::shared_ptr<WalSpill> spill)
    : FSWritableFileOwnerWrapper(std::move(file)), spill_(std::move(spill)) {
  spill_->newest_ = this;
}

WalFile::~WalFile() { Close(IOOptions(), nullptr).PermitUncheckedError(); }

IOStatus WalFile::Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) {
  return AppendOrSpill(data, [&] { return target()->Append(data, options, dbg); });
}

IOStatus WalFile::Append(const Slice& data, const IOOptions& options,
                         const rocksdb::DataVerificationInfo& verification, IODebugContext* dbg) {
  return AppendOrSpill(data, [&] { return target()->Append(data, options, verification, dbg); });
}

template <typename Write>
IOStatus WalFile::AppendOrSpill(const Slice& data, const Write& write) {
  if (!spill_->empty_) {
    const std::lock_guard<std::mutex> lock(spill_->mutex_);
    if (!rest_.empty()) {
      rest_.append(data.data(), data.size());
      return IOStatus::OK();
    }
  }
  const IOStatus status = write();
  if (!status.IsNoSpace()) return status;
  const std::lock_guard<std::mutex> lock(spill_->mutex_);
  rest_.assign(data.data(), data.size());
  spill_->files_.insert(this);
  spill_->empty_ = false;
  return IOStatus::OK();
}

IOStatus WalFile::DrainLocked() {
  const IOStatus status = target()->Append(rest_, IOOptions(), nullptr);
  if (!status.ok()) return status;
  rest_.clear();
  spill_->files_.erase(this);
  spill_->empty_ = spill_->files_.empty();
  return status;
}

IOStatus WalFile::Sync(const IOOptions& options, IODebugContext* dbg) {
  return SyncWhole([&] { return target()->Sync(options, dbg); });
}

IOStatus WalFile::Fsync(const IOOptions& options, IODebugContext* dbg) {
  return SyncWhole([&] { return target()->Fsync(options, dbg); });
}

// Syncs of the newest file are for the writes to it, which are refused. The others are synced because
// something relies on everything written to them.
template <typename LocalSync>
IOStatus WalFile::SyncWhole(const LocalSync& sync) {
  if (!spill_->empty_) {
    const std::lock_guard<std::mutex> lock(spill_->mutex_);
    if (!rest_.empty()) {
      const IOStatus status = DrainLocked();
      if (!status.ok() && spill_->newest_ != this) return status;
    }
  }
  return sync();
}

// RocksDB closes a log that it no longer needs, or at the end of a database, and ignores the result:
// acknowledged data is drained before (Database::Close).
IOStatus WalFile::Close(const IOOptions& options, IODebugContext* dbg) {
  if (closed_) return IOStatus::OK();
  closed_ = true;
  IOStatus drained;
  {
    const std::lock_guard<std::mutex> lock(spill_->mutex_);
    if (!rest_.empty()) drained = DrainLocked();
    rest_.clear();
    spill_->files_.erase(this);
    spill_->empty_ = spill_->files_.empty();
    const WalFile* self = this;
    spill_->newest_.compare_exchange_strong(self, nullptr);
  }
  const IOStatus closed = target()->Close(options, dbg);
  return drained.ok() ? closed : drained;
}

}  // namespace cloudenv
