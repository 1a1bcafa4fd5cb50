// A file system that does not fail where an Env's commits are made durable as long as the error may pass: at
// the fsync of a directory and the sync of a MANIFEST.
#pragma once

#include <rocksdb/file_system.h>

#include <memory>
#include <string>

#include "binding/patience.h"

namespace cloudenv {

class PatientFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  PatientFileSystem(const std::shared_ptr<rocksdb::FileSystem>& target, std::shared_ptr<Patience> patience)
      : FileSystemWrapper(target), patience_(std::move(patience)) {}

  const char* Name() const override { return "PatientFileSystem"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* result,
                                 rocksdb::IODebugContext* dbg) override;

 private:
  const std::shared_ptr<Patience> patience_;
};

}  // namespace cloudenv
