// A file system for a read-only database: creates no directory. RocksDB would create the directory of the
// database, which may be on a read-only disk; its own way around that, create_if_missing = false, reads
// CURRENT again.
#pragma once

#include <rocksdb/file_system.h>

#include <memory>
#include <string>

namespace cloudenv {

class ReadOnlyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit ReadOnlyFileSystem(const std::shared_ptr<rocksdb::FileSystem>& target)
      : FileSystemWrapper(target) {}

  const char* Name() const override { return "ReadOnlyFileSystem"; }

  rocksdb::IOStatus CreateDirIfMissing(const std::string&, const rocksdb::IOOptions&,
                                       rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::OK();
  }
};

}  // namespace cloudenv
