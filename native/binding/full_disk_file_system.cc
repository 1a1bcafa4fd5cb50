#include "binding/full_disk_file_system.h"

#include <utility>

#include "binding/late_log.h"
#include "bridge/rocksdb_names.h"

namespace cloudenv {

namespace {

bool IsWal(const std::string& path) {
  constexpr char kSuffix[] = ".log";
  constexpr size_t kLength = sizeof(kSuffix) - 1;
  return path.size() > kLength && path.compare(path.size() - kLength, kLength, kSuffix) == 0;
}

// More than RocksDB writes for a column family: an edit of the MANIFEST, and the options of all families.
constexpr size_t kRoomBytes = size_t{1} << 20;
// RocksDB uses this number only while it opens a database, and then deletes the remains of the file after a
// crash.
constexpr char kRoomName[] = "/000000.dbtmp";

// A file that waits for room.
class WaitingFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WaitingFile(std::unique_ptr<FSWritableFile> file, std::shared_ptr<RetryCoordinator> retries)
      : FSWritableFileOwnerWrapper(std::move(file)), retries_(std::move(retries)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) override {
    return WaitForRoom([&] { return target()->Append(data, options, dbg); });
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& verification, IODebugContext* dbg) override {
    return WaitForRoom([&] { return target()->Append(data, options, verification, dbg); });
  }
  IOStatus PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                            IODebugContext* dbg) override {
    return WaitForRoom([&] { return target()->PositionedAppend(data, offset, options, dbg); });
  }
  IOStatus PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                            const rocksdb::DataVerificationInfo& verification, IODebugContext* dbg) override {
    return WaitForRoom([&] { return target()->PositionedAppend(data, offset, options, verification, dbg); });
  }

  // The wrapper forwards all but these.
  void SetIOPriority(rocksdb::Env::IOPriority priority) override { target()->SetIOPriority(priority); }
  rocksdb::Env::IOPriority GetIOPriority() override { return target()->GetIOPriority(); }

 private:
  template <typename Write>
  IOStatus WaitForRoom(const Write& write) {
    return retries_->RetryUntilStopped(write, RetryCoordinator::IsFullDisk);
  }

  const std::shared_ptr<RetryCoordinator> retries_;
};

}  // namespace

IOStatus FullDiskFileSystem::NewWritableFile(const std::string& path, const FileOptions& options,
                                             std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) {
  const auto create = [&] { return target()->NewWritableFile(path, options, result, dbg); };
  if (IsWal(path)) return AsWal(create(), path, options, result);
  // RocksDB deletes the output of a failed compaction, and tries again once there is room for all of it.
  if (compaction_outputs_->Has(path)) return create();
  const IOStatus status = retries_->RetryUntilStopped(create, RetryCoordinator::IsFullDisk);
  if (status.ok()) *result = std::make_unique<WaitingFile>(std::move(*result), retries_);
  return status;
}

IOStatus FullDiskFileSystem::ReuseWritableFile(const std::string& path, const std::string& old_path,
                                               const FileOptions& options,
                                               std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) {
  const IOStatus status = target()->ReuseWritableFile(path, old_path, options, result, dbg);
  return IsWal(path) ? AsWal(status, path, options, result) : status;
}

// Opening a database fails if there is no room, before anything is written.
IOStatus FullDiskFileSystem::AsWal(IOStatus opened, const std::string& path, const FileOptions& options,
                                   std::unique_ptr<FSWritableFile>* file) const {
  if (opened.IsNoSpace() && retries_->has_begun()) {
    *file = std::make_unique<LateLog>(target_, path, options);
    opened = IOStatus::OK();
  }
  if (opened.ok()) *file = std::make_unique<WalFile>(std::move(*file), spill_);
  return opened;
}

IOStatus FullDiskFileSystem::CheckRoom(const std::string& directory) {
  const IOStatus waited_out = retries_->WaitedOut();
  if (waited_out.IsNoSpace()) return waited_out;
  const std::string path = directory + kRoomName;
  std::unique_ptr<FSWritableFile> file;
  IOStatus status = target()->NewWritableFile(path, FileOptions(), &file, nullptr);
  if (status.ok()) status = file->Append(std::string(kRoomBytes, '\0'), IOOptions(), nullptr);
  if (!file) return status;
  file->Close(IOOptions(), nullptr).PermitUncheckedError();
  target()->DeleteFile(path, IOOptions(), nullptr).PermitUncheckedError();
  return status;
}

}  // namespace cloudenv
