#include "binding/patient_file_system.h"

#include <utility>

namespace cloudenv {

using rocksdb::FileOptions;
using rocksdb::FSDirectory;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

namespace {

class PatientManifest final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  PatientManifest(std::unique_ptr<FSWritableFile> file, std::shared_ptr<Patience> patience)
      : FSWritableFileOwnerWrapper(std::move(file)), patience_(std::move(patience)) {}

  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override {
    return patience_->Persist([&] { return target()->Sync(options, dbg); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return patience_->Persist([&] { return target()->Fsync(options, dbg); });
  }

  // The wrapper forwards all but these.
  void SetIOPriority(rocksdb::Env::IOPriority priority) override { target()->SetIOPriority(priority); }
  rocksdb::Env::IOPriority GetIOPriority() override { return target()->GetIOPriority(); }

 private:
  const std::shared_ptr<Patience> patience_;
};

class PatientDirectory final : public rocksdb::FSDirectoryWrapper {
 public:
  PatientDirectory(std::unique_ptr<FSDirectory> directory, std::shared_ptr<Patience> patience)
      : FSDirectoryWrapper(std::move(directory)), patience_(std::move(patience)) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return patience_->Persist([&] { return FSDirectoryWrapper::Fsync(options, dbg); });
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* dbg,
                               const rocksdb::DirFsyncOptions& reason) override {
    return patience_->Persist([&] { return FSDirectoryWrapper::FsyncWithDirOptions(options, dbg, reason); });
  }

 private:
  const std::shared_ptr<Patience> patience_;
};

bool IsManifest(const std::string& path) { return path.find("/MANIFEST-") != std::string::npos; }

}  // namespace

IOStatus PatientFileSystem::NewWritableFile(const std::string& path, const FileOptions& options,
                                            std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) {
  const IOStatus status = target()->NewWritableFile(path, options, result, dbg);
  if (status.ok() && IsManifest(path)) {
    *result = std::make_unique<PatientManifest>(std::move(*result), patience_);
  }
  return status;
}

IOStatus PatientFileSystem::NewDirectory(const std::string& path, const IOOptions& options,
                                         std::unique_ptr<FSDirectory>* result, IODebugContext* dbg) {
  const IOStatus status = target()->NewDirectory(path, options, result, dbg);
  if (status.ok()) *result = std::make_unique<PatientDirectory>(std::move(*result), patience_);
  return status;
}

}  // namespace cloudenv
