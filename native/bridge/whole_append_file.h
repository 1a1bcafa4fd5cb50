// A file that takes an append as a whole or not at all. If the disk is full, an append fails with NoSpace.
//
// A failed append may leave a part of its data behind. That part is cut off, and the next append lands where
// it would have without the failure: a good record never follows a torn one.
#pragma once

#include <memory>

#include "bridge/rocksdb_names.h"

namespace cloudenv {

class WholeAppendFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  struct Place {
    // Present size of the file.
    uint64_t size = 0;
    // Every write goes to the end (O_APPEND), whatever its offset.
    bool append_only = false;
  };

  WholeAppendFile(std::unique_ptr<FSWritableFile> file, const Place& place)
      : FSWritableFileOwnerWrapper(std::move(file)), append_only_(place.append_only), size_(place.size) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& verification, IODebugContext* dbg) override;
  IOStatus PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                            IODebugContext* dbg) override;
  IOStatus PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                            const rocksdb::DataVerificationInfo& verification, IODebugContext* dbg) override;
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* dbg) override;

  // The wrapper forwards all but these.
  void SetIOPriority(rocksdb::Env::IOPriority priority) override { target()->SetIOPriority(priority); }
  rocksdb::Env::IOPriority GetIOPriority() override { return target()->GetIOPriority(); }

 private:
  template <typename Write, typename WriteAt>
  IOStatus AppendToEnd(const Slice& data, const Write& write, const WriteAt& write_at);
  IOStatus Sized(uint64_t size, const IOStatus& status);

  const bool append_only_;
  uint64_t size_;
  // The system's file position has been beyond size_ since an append failed: later ones name their offset.
  bool positioned_ = false;
  // Set if a torn tail could not be cut off: nothing may follow it.
  IOStatus broken_;
};

}  // namespace cloudenv
