// RocksDB's own file system for disks that may be full at times.
#pragma once

#include <memory>
#include <string>

#include "bridge/error.h"
#include "bridge/info_log.h"
#include "bridge/whole_append_file.h"

namespace cloudenv {

class LocalFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  LocalFileSystem() : FileSystemWrapper(FileSystem::Default()) {}

  const char* Name() const override { return "LocalFileSystem"; }

  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) override {
    return Whole(target()->NewWritableFile(path, options, result, dbg), result);
  }
  IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path, const FileOptions& options,
                             std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) override {
    return Whole(target()->ReuseWritableFile(path, old_path, options, result, dbg), result);
  }
  IOStatus NewLogger(const std::string& path, const IOOptions&, std::shared_ptr<rocksdb::Logger>* result,
                     IODebugContext* dbg) override {
    return OpenInfoLog(target(), path, result, dbg);
  }

 private:
  static IOStatus Whole(const IOStatus& status, std::unique_ptr<FSWritableFile>* file) {
    if (status.ok()) *file = std::make_unique<WholeAppendFile>(std::move(*file), WholeAppendFile::Place());
    return AsNoSpace(status);
  }
};

}  // namespace cloudenv
