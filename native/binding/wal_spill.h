// The part of a write-ahead log that a full disk has not taken yet.
//
// RocksDB must not see an append to a log fail: it goes on with the same file later, and asserts that it does
// not, or leaves a torn record before good ones. So the rest of such an append is kept here. Its write is
// refused, and so are all others until the log has taken the rest.
#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace cloudenv {

class WalFile;

// One for each database. Thread-safe.
class WalSpill {
 public:
  // Appends the leftovers to where they belong. OK if nothing is left, otherwise why it can't be appended.
  rocksdb::IOStatus Drain();
  bool empty() const { return empty_; }

 private:
  friend class WalFile;

  std::mutex mutex_;
  std::set<WalFile*> files_;
  std::atomic<bool> empty_{true};
  // The file that RocksDB appends to: the others are complete except for their leftovers here.
  std::atomic<const WalFile*> newest_{nullptr};
};

// A log whose appends do not fail for lack of space.
class WalFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  using IOStatus = rocksdb::IOStatus;
  using IOOptions = rocksdb::IOOptions;
  using IODebugContext = rocksdb::IODebugContext;

  // Appends to `file` come as a whole or not at all.
  WalFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::shared_ptr<WalSpill> spill);
  ~WalFile() override;

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& verification, IODebugContext* dbg) override;
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Close(const IOOptions& options, IODebugContext* dbg) override;

  // The wrapper forwards all but these.
  void SetIOPriority(rocksdb::Env::IOPriority priority) override { target()->SetIOPriority(priority); }
  rocksdb::Env::IOPriority GetIOPriority() override { return target()->GetIOPriority(); }

 private:
  friend class WalSpill;

  template <typename Write>
  IOStatus AppendOrSpill(const rocksdb::Slice& data, const Write& write);
  template <typename LocalSync>
  IOStatus SyncWhole(const LocalSync& sync);
  IOStatus DrainLocked();

  const std::shared_ptr<WalSpill> spill_;
  std::string rest_;  // Guarded by the mutex of the spill.
  bool closed_ = false;
};

}  // namespace cloudenv
