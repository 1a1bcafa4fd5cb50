// A write-ahead log whose file could not be created for lack of room, which RocksDB takes for the end of the
// database. The first append that finds room creates the file; earlier ones fail with NoSpace.
#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <string>

namespace cloudenv {

// Appends come one at a time, as to any file; syncs may come in parallel.
class LateLog final : public rocksdb::FSWritableFile {
 public:
  using IOStatus = rocksdb::IOStatus;
  using IOOptions = rocksdb::IOOptions;
  using IODebugContext = rocksdb::IODebugContext;

  LateLog(std::shared_ptr<rocksdb::FileSystem> file_system, const std::string& path,
          const rocksdb::FileOptions& options)
      : FSWritableFile(options), file_system_(std::move(file_system)), path_(path), options_(options) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& verification, IODebugContext* dbg) override;
  IOStatus Flush(const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override;
  IOStatus RangeSync(uint64_t offset, uint64_t bytes, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Allocate(uint64_t offset, uint64_t length, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Close(const IOOptions& options, IODebugContext* dbg) override;
  uint64_t GetFileSize(const IOOptions& options, IODebugContext* dbg) override;
  bool IsSyncThreadSafe() const override { return true; }

 private:
  IOStatus Create(const IOOptions& options, IODebugContext* dbg);
  template <typename Work>
  IOStatus OnceCreated(const Work& work) const;

  const std::shared_ptr<rocksdb::FileSystem> file_system_;
  const std::string path_;
  const rocksdb::FileOptions options_;
  std::unique_ptr<rocksdb::FSWritableFile> owned_;
  std::atomic<rocksdb::FSWritableFile*> file_{nullptr};
};

}  // namespace cloudenv
