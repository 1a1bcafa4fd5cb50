// A writable file of the local file system that respects its fence, reports to the host the events that it
// wants, and asks it for room when the disk is full.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "bridge/fence.h"
#include "bridge/host_client.h"
#include "bridge/whole_append_file.h"

namespace cloudenv {

class LocalWritableFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  // Events that the host wants to hear of, under this handle.
  struct Interest {
    uint32_t handle = 0;
    bool in_sync = false;
    bool in_close = false;
  };

  LocalWritableFile(std::unique_ptr<FSWritableFile> file, std::shared_ptr<const Fence> fence,
                    const std::shared_ptr<HostClient>& host, const Interest& interest,
                    const std::string& path, const WholeAppendFile::Place& place);
  // Closes the file, as POSIX files do.
  ~LocalWritableFile() override;

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& verification, IODebugContext* dbg) override;
  IOStatus PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                            IODebugContext* dbg) override;
  IOStatus PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                            const rocksdb::DataVerificationInfo& verification, IODebugContext* dbg) override;
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override;
  IOStatus RangeSync(uint64_t offset, uint64_t bytes, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Close(const IOOptions& options, IODebugContext* dbg) override;

  // The wrapper forwards all but these.
  void SetIOPriority(rocksdb::Env::IOPriority priority) override { target()->SetIOPriority(priority); }
  rocksdb::Env::IOPriority GetIOPriority() override { return target()->GetIOPriority(); }

 private:
  template <typename Write>
  IOStatus UnlessFenced(uint64_t new_size, const Write& write);
  template <typename LocalSync>
  IOStatus SyncBoth(const LocalSync& sync);

  const std::shared_ptr<const Fence> fence_;
  const std::shared_ptr<HostClient> host_;
  const Interest interest_;
  const std::string path_;
  // Read by Sync, which may run while another thread appends.
  std::atomic<uint64_t> size_;
  bool closed_ = false;
};

}  // namespace cloudenv
