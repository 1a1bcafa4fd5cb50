// A file system for a store that may be unavailable at times. Where an Env's commits are made durable, at the
// fsync of a directory and the sync of a MANIFEST, it waits for the end of the outage instead of failing.
#pragma once

#include <rocksdb/file_system.h>

#include <memory>
#include <string>

#include "binding/retry_coordinator.h"

namespace cloudenv {

class OutageFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  OutageFileSystem(const std::shared_ptr<rocksdb::FileSystem>& target,
                   std::shared_ptr<RetryCoordinator> retries)
      : FileSystemWrapper(target), retries_(std::move(retries)) {}

  const char* Name() const override { return "OutageFileSystem"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* result,
                                 rocksdb::IODebugContext* dbg) override;

 private:
  const std::shared_ptr<RetryCoordinator> retries_;
};

}  // namespace cloudenv
