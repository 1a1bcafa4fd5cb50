// A file system that reads CURRENT once for each opening of a database. RocksDB reads it in every step of
// one, and each time an Env may have to ask its store whether the state is still the present one.
#pragma once

#include <rocksdb/file_system.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace cloudenv {

// Thread-safe.
class CurrentOnce final : public rocksdb::FileSystemWrapper {
 public:
  CurrentOnce(const std::shared_ptr<rocksdb::FileSystem>& target, const std::string& directory)
      : FileSystemWrapper(target), path_(directory + "/CURRENT") {}

  const char* Name() const override { return "CurrentOnce"; }

  // Reads CURRENT and keeps it for those who open it, until Forget. NotFound if there is none.
  rocksdb::IOStatus Look() {
    std::string content;
    rocksdb::IOStatus status = rocksdb::ReadFileToString(target(), path_, &content);
    if (status.ok()) Keep(std::move(content));
    // PathNotFound stands for a missing local file, and for a missing bucket.
    if (status.IsPathNotFound()) return target()->FileExists(path_, rocksdb::IOOptions(), nullptr);
    return status;
  }

  void Forget() { Keep(std::nullopt); }

  rocksdb::IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                      rocksdb::IODebugContext* dbg) override {
    if (path == path_) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (content_) {
        *result = std::make_unique<Content>(*content_);
        return rocksdb::IOStatus::OK();
      }
    }
    return FileSystemWrapper::NewSequentialFile(path, options, result, dbg);
  }

  // Nobody else writes CURRENT from here on, and it may have changed until now.
  rocksdb::IOStatus LockFile(const std::string& path, const rocksdb::IOOptions& options,
                             rocksdb::FileLock** lock, rocksdb::IODebugContext* dbg) override {
    Forget();
    return FileSystemWrapper::LockFile(path, options, lock, dbg);
  }

 private:
  class Content final : public rocksdb::FSSequentialFile {
   public:
    explicit Content(std::string content) : content_(std::move(content)) {}

    rocksdb::IOStatus Read(size_t length, const rocksdb::IOOptions&, rocksdb::Slice* result, char*,
                           rocksdb::IODebugContext*) override {
      *result = rocksdb::Slice(content_.data() + at_, std::min(length, content_.size() - at_));
      at_ += result->size();
      return rocksdb::IOStatus::OK();
    }

    rocksdb::IOStatus Skip(uint64_t length) override {
      at_ += std::min<uint64_t>(length, content_.size() - at_);
      return rocksdb::IOStatus::OK();
    }

   private:
    const std::string content_;
    size_t at_ = 0;
  };

  void Keep(std::optional<std::string> content) {
    std::lock_guard<std::mutex> lock(mutex_);
    content_ = std::move(content);
  }

  const std::string path_;
  std::mutex mutex_;
  std::optional<std::string> content_;
};

}  // namespace cloudenv
