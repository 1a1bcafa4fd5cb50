#include "binding/outage_file_system.h"

#include <utility>

namespace cloudenv {

using rocksdb::FileOptions;
using rocksdb::FSDirectory;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

namespace {

class RetriedManifest final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  RetriedManifest(std::unique_ptr<FSWritableFile> file, std::shared_ptr<RetryCoordinator> retries)
      : FSWritableFileOwnerWrapper(std::move(file)), retries_(std::move(retries)) {}

  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override {
    return retries_->RetryUntilStopped([&] { return target()->Sync(options, dbg); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return retries_->RetryUntilStopped([&] { return target()->Fsync(options, dbg); });
  }

  // The wrapper forwards all but these.
  void SetIOPriority(rocksdb::Env::IOPriority priority) override { target()->SetIOPriority(priority); }
  rocksdb::Env::IOPriority GetIOPriority() override { return target()->GetIOPriority(); }

 private:
  const std::shared_ptr<RetryCoordinator> retries_;
};

class RetriedDirectory final : public rocksdb::FSDirectoryWrapper {
 public:
  RetriedDirectory(std::unique_ptr<FSDirectory> directory, std::shared_ptr<RetryCoordinator> retries)
      : FSDirectoryWrapper(std::move(directory)), retries_(std::move(retries)) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return retries_->RetryUntilStopped([&] { return FSDirectoryWrapper::Fsync(options, dbg); });
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* dbg,
                               const rocksdb::DirFsyncOptions& reason) override {
    return retries_->RetryUntilStopped(
        [&] { return FSDirectoryWrapper::FsyncWithDirOptions(options, dbg, reason); });
  }

 private:
  const std::shared_ptr<RetryCoordinator> retries_;
};

bool IsManifest(const std::string& path) { return path.find("/MANIFEST-") != std::string::npos; }

}  // namespace

IOStatus OutageFileSystem::NewWritableFile(const std::string& path, const FileOptions& options,
                                           std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) {
  const IOStatus status = target()->NewWritableFile(path, options, result, dbg);
  if (status.ok() && IsManifest(path)) {
    *result = std::make_unique<RetriedManifest>(std::move(*result), retries_);
  }
  return status;
}

IOStatus OutageFileSystem::NewDirectory(const std::string& path, const IOOptions& options,
                                        std::unique_ptr<FSDirectory>* result, IODebugContext* dbg) {
  const IOStatus status = target()->NewDirectory(path, options, result, dbg);
  if (status.ok()) *result = std::make_unique<RetriedDirectory>(std::move(*result), retries_);
  return status;
}

}  // namespace cloudenv
