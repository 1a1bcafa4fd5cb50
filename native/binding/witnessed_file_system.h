// A file system that tells the ReadWitness of the calling thread what it cannot open or read.
#pragma once

#include <rocksdb/file_system.h>

#include <memory>
#include <string>

namespace cloudenv {

class WitnessedFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit WitnessedFileSystem(const std::shared_ptr<rocksdb::FileSystem>& target)
      : FileSystemWrapper(target) {}

  const char* Name() const override { return "WitnessedFileSystem"; }

  rocksdb::IOStatus NewRandomAccessFile(const std::string& path, const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                        rocksdb::IODebugContext* dbg) override;
};

}  // namespace cloudenv
