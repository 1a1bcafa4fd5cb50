// A file system for a disk that may be full at times. If certain writes fail, RocksDB gives up permanently,
// forgets memtables of an atomic flush, or ends the process in an assertion. Here these writes wait for room
// instead; for writes to a write-ahead log see WalSpill.
#pragma once

#include <rocksdb/file_system.h>

#include <memory>
#include <string>

#include "binding/compaction_outputs.h"
#include "binding/retry_coordinator.h"
#include "binding/wal_spill.h"

namespace cloudenv {

class FullDiskFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  // Appends to files of `target` come as a whole or not at all.
  FullDiskFileSystem(const std::shared_ptr<rocksdb::FileSystem>& target,
                     std::shared_ptr<RetryCoordinator> retries, std::shared_ptr<WalSpill> spill,
                     std::shared_ptr<CompactionOutputs> compaction_outputs)
      : FileSystemWrapper(target),
        retries_(std::move(retries)),
        spill_(std::move(spill)),
        compaction_outputs_(std::move(compaction_outputs)) {}

  const char* Name() const override { return "FullDiskFileSystem"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* result,
                                      rocksdb::IODebugContext* dbg) override;

  // NoSpace if something waits for room in `directory`, or would soon: for calls that cannot be refused once
  // they have begun. Others may take the room.
  rocksdb::IOStatus CheckRoom(const std::string& directory);

 private:
  rocksdb::IOStatus AsWal(rocksdb::IOStatus opened, const std::string& path,
                          const rocksdb::FileOptions& options,
                          std::unique_ptr<rocksdb::FSWritableFile>* file) const;

  const std::shared_ptr<RetryCoordinator> retries_;
  const std::shared_ptr<WalSpill> spill_;
  const std::shared_ptr<CompactionOutputs> compaction_outputs_;
};

}  // namespace cloudenv
