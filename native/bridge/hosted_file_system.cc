#include "bridge/hosted_file_system.h"

#include "bridge/directory.h"
#include "bridge/error.h"
#include "bridge/info_log.h"
#include "bridge/path.h"
#include "bridge/readable.h"
#include "bridge/writable.h"

namespace cloudenv {

namespace {

class HostedFileLock final : public rocksdb::FileLock {
 public:
  HostedFileLock(const std::string& path, rocksdb::FileLock* local) : path(path), local(local) {}

  const std::string path;
  // Null if the host wants none.
  rocksdb::FileLock* const local;
};

IOStatus NoSuchOperation(const char* operation, const std::string& path) {
  return IOStatus::NotSupported(std::string(operation) + " " + path, "an Env host has no such operation");
}

// RocksDB says where the lock is held, not what to do about it. Any other message means a file that can't be
// opened.
IOStatus LockRefused(const IOStatus& status) {
  const std::string reason = status.getState() == nullptr ? "" : status.getState();
  const bool is_held = reason.find("lock hold by current process") != std::string::npos ||
                       reason.rfind("While lock file", 0) == 0;
  if (!is_held) return ExplainUnwritable(status);
  return IOStatus::IOError(
      reason, "the database is open for writing already, in this process or another. Close it there");
}

}  // namespace

rocksdb::Status ConnectHostedFileSystem(const std::string& socket_path,
                                        std::shared_ptr<HostedFileSystem>* result) {
  std::shared_ptr<HostClient> host;
  const IOStatus status = HostClient::Connect(socket_path, &host);
  if (status.ok()) *result = std::make_shared<HostedFileSystem>(host);
  return status;
}

HostedFileSystem::HostedFileSystem(const std::shared_ptr<HostClient>& host)
    : FileSystemWrapper(FileSystem::Default()), host_(host) {}

IOStatus HostedFileSystem::NewSequentialFile(const std::string& path, const FileOptions& options,
                                             std::unique_ptr<FSSequentialFile>* result, IODebugContext* dbg) {
  result->reset();
  if (const auto local = LocalPath(path)) return target()->NewSequentialFile(*local, options, result, dbg);
  const IOStatus status = OpenSequentialFile(host_, NormalizePath(path), options, result);
  return BaseNameOf(NormalizePath(path)) == "IDENTITY" ? LookUpFailure(status) : status;
}

IOStatus HostedFileSystem::NewRandomAccessFile(const std::string& path, const FileOptions& options,
                                               std::unique_ptr<FSRandomAccessFile>* result,
                                               IODebugContext* dbg) {
  result->reset();
  if (const auto local = LocalPath(path)) return target()->NewRandomAccessFile(*local, options, result, dbg);
  return OpenRandomAccessFile(host_, NormalizePath(path), options, result);
}

IOStatus HostedFileSystem::NewWritableFile(const std::string& path, const FileOptions& options,
                                           std::unique_ptr<FSWritableFile>* result, IODebugContext*) {
  result->reset();
  return OpenWritableFile(host_, Op::kNewWritableFile, NormalizePath(path), options, result);
}

IOStatus HostedFileSystem::ReopenWritableFile(const std::string& path, const FileOptions& options,
                                              std::unique_ptr<FSWritableFile>* result, IODebugContext*) {
  result->reset();
  return OpenWritableFile(host_, Op::kReopenWritableFile, NormalizePath(path), options, result);
}

IOStatus HostedFileSystem::ReuseWritableFile(const std::string& path, const std::string& old_path,
                                             const FileOptions& options,
                                             std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) {
  result->reset();
  const auto local = LocalPath(path);
  const auto old_local = LocalPath(old_path);
  if (local && old_local) return ReuseLocalFile(host_, *local, *old_local, options, result);
  // Renames, then opens again.
  return FileSystem::ReuseWritableFile(path, old_path, options, result, dbg);
}

IOStatus HostedFileSystem::NewDirectory(const std::string& path, const IOOptions& options,
                                        std::unique_ptr<FSDirectory>* result, IODebugContext* dbg) {
  result->reset();
  bool is_directory = false;
  const IOStatus status = IsDirectory(path, options, &is_directory, dbg);
  if (!status.ok()) return status;
  if (!is_directory) return IOStatus::PathNotFound("open directory " + path, "it is not a directory");
  *result = std::make_unique<HostedDirectory>(host_, NormalizePath(path));
  return status;
}

IOStatus HostedFileSystem::NewRandomRWFile(const std::string& path, const FileOptions& options,
                                           std::unique_ptr<rocksdb::FSRandomRWFile>* result,
                                           IODebugContext* dbg) {
  const auto local = LocalPath(path);
  if (!local) return NoSuchOperation("open for reading and writing", path);
  const IOStatus fenced = CheckFence(path);
  return fenced.ok() ? target()->NewRandomRWFile(*local, options, result, dbg) : fenced;
}

IOStatus HostedFileSystem::NewMemoryMappedFileBuffer(
    const std::string& path, std::unique_ptr<rocksdb::MemoryMappedFileBuffer>* result) {
  const auto local = LocalPath(path);
  if (!local) return NoSuchOperation("map into memory", path);
  const IOStatus fenced = CheckFence(path);
  return fenced.ok() ? target()->NewMemoryMappedFileBuffer(*local, result) : fenced;
}

IOStatus HostedFileSystem::Truncate(const std::string& path, size_t size, const IOOptions& options,
                                    IODebugContext* dbg) {
  const auto local = LocalPath(path);
  if (!local) return NoSuchOperation("truncate", path);
  const IOStatus fenced = CheckFence(path);
  return fenced.ok() ? target()->Truncate(*local, size, options, dbg) : fenced;
}

IOStatus HostedFileSystem::NumFileLinks(const std::string& path, const IOOptions& options, uint64_t* count,
                                        IODebugContext* dbg) {
  const auto local = LocalPath(path);
  if (!local) return NoSuchOperation("count the links of", path);
  return target()->NumFileLinks(*local, options, count, dbg);
}

IOStatus HostedFileSystem::AreFilesSame(const std::string& first, const std::string& second,
                                        const IOOptions& options, bool* same, IODebugContext* dbg) {
  const auto local = LocalPath(first);
  const auto other = LocalPath(second);
  if (!local || !other) return NoSuchOperation("compare", first);
  return target()->AreFilesSame(*local, *other, options, same, dbg);
}

IOStatus HostedFileSystem::NewLogger(const std::string& path, const IOOptions&,
                                     std::shared_ptr<rocksdb::Logger>* result, IODebugContext* dbg) {
  if (const auto local = LocalPath(path)) {
    return ExplainUnwritable(OpenInfoLog(target(), *local, result, dbg));
  }
  return OpenInfoLog(this, path, result, dbg);
}

IOStatus HostedFileSystem::FileExists(const std::string& path, const IOOptions& options,
                                      IODebugContext* dbg) {
  if (const auto local = LocalPath(path)) return target()->FileExists(*local, options, dbg);
  return LookUpFailure(CallOnPath(Op::kFileExists, path));
}

IOStatus HostedFileSystem::GetChildren(const std::string& path, const IOOptions&,
                                       std::vector<std::string>* names, IODebugContext*) {
  names->clear();
  return CallOnPath(Op::kGetChildren, path, [names](PayloadReader& payload) {
    for (uint32_t left = payload.U32(); left > 0 && payload.ok(); --left) names->push_back(payload.String());
  });
}

IOStatus HostedFileSystem::GetChildrenFileAttributes(const std::string& path, const IOOptions&,
                                                     std::vector<rocksdb::FileAttributes>* files,
                                                     IODebugContext*) {
  files->clear();
  return CallOnPath(Op::kGetChildrenFileAttributes, path, [files](PayloadReader& payload) {
    for (uint32_t left = payload.U32(); left > 0 && payload.ok(); --left) {
      files->emplace_back();
      files->back().name = payload.String();
      files->back().size_bytes = payload.U64();
    }
  });
}

IOStatus HostedFileSystem::DeleteFile(const std::string& path, const IOOptions& options,
                                      IODebugContext* dbg) {
  const auto local = LocalPath(path);
  if (!local || !host_->fences().IsLocked(*local)) return CallOnPath(Op::kDeleteFile, path);
  const IOStatus fenced = CheckFence(path);
  return fenced.ok() ? target()->DeleteFile(*local, options, dbg) : fenced;
}

IOStatus HostedFileSystem::CreateDir(const std::string& path, const IOOptions& options, IODebugContext* dbg) {
  const IOStatus exists = FileExists(path, options, dbg);
  if (exists.ok()) return IOStatus::IOError("create directory " + path, "it exists");
  return exists.IsNotFound() ? CreateDirIfMissing(path, options, dbg) : exists;
}

IOStatus HostedFileSystem::CreateDirIfMissing(const std::string& path, const IOOptions&, IODebugContext*) {
  return CallOnPath(Op::kCreateDirIfMissing, path);
}

IOStatus HostedFileSystem::DeleteDir(const std::string& path, const IOOptions&, IODebugContext*) {
  return CallOnPath(Op::kDeleteDir, path);
}

IOStatus HostedFileSystem::GetFileSize(const std::string& path, const IOOptions& options, uint64_t* size,
                                       IODebugContext* dbg) {
  if (const auto local = LocalPath(path)) return target()->GetFileSize(*local, options, size, dbg);
  return CallOnPath(Op::kGetFileSize, path, [size](PayloadReader& payload) { *size = payload.U64(); });
}

IOStatus HostedFileSystem::GetFileModificationTime(const std::string& path, const IOOptions& options,
                                                   uint64_t* seconds, IODebugContext* dbg) {
  if (const auto local = LocalPath(path))
    return target()->GetFileModificationTime(*local, options, seconds, dbg);
  return CallOnPath(Op::kGetFileModificationTime, path,
                    [seconds](PayloadReader& payload) { *seconds = payload.U64(); });
}

// Local files can be renamed behind a fence too: RocksDB puts its LOG aside before it takes the lock that
// lowers the fence.
IOStatus HostedFileSystem::RenameFile(const std::string& source, const std::string& target_path,
                                      const IOOptions& options, IODebugContext* dbg) {
  const auto local = LocalPath(source);
  const auto local_target = LocalPath(target_path);
  if (local && local_target) {
    return ExplainUnwritable(target()->RenameFile(*local, *local_target, options, dbg));
  }
  return host_->Call(
      Request(Op::kRenameFile).String(NormalizePath(source)).String(NormalizePath(target_path)));
}

IOStatus HostedFileSystem::LinkFile(const std::string& source, const std::string& target_path,
                                    const IOOptions&, IODebugContext*) {
  return host_->Call(Request(Op::kLinkFile).String(NormalizePath(source)).String(NormalizePath(target_path)));
}

IOStatus HostedFileSystem::IsDirectory(const std::string& path, const IOOptions&, bool* is_directory,
                                       IODebugContext*) {
  return CallOnPath(Op::kIsDirectory, path, [&](PayloadReader& payload) { *is_directory = payload.Bool(); });
}

IOStatus HostedFileSystem::GetFreeSpace(const std::string& path, const IOOptions&, uint64_t* bytes,
                                        IODebugContext*) {
  return CallOnPath(Op::kGetFreeSpace, path, [bytes](PayloadReader& payload) { *bytes = payload.U64(); });
}

IOStatus HostedFileSystem::LockFile(const std::string& path, const IOOptions& options,
                                    rocksdb::FileLock** lock, IODebugContext* dbg) {
  *lock = nullptr;
  const std::string normal = NormalizePath(path);
  rocksdb::FileLock* local = nullptr;
  IOStatus status;
  if (host_->local_locks()) status = target()->LockFile(normal, options, &local, dbg);
  if (!status.ok()) return LockRefused(status);
  status = CallOnPath(Op::kLockFile, normal);
  if (status.ok()) {
    host_->fences().Lower(DirectoryOf(normal));
    *lock = new HostedFileLock(normal, local);
  } else if (local != nullptr) {
    target()->UnlockFile(local, options, dbg).PermitUncheckedError();
  }
  return status;
}

IOStatus HostedFileSystem::UnlockFile(rocksdb::FileLock* lock, const IOOptions& options,
                                      IODebugContext* dbg) {
  const std::unique_ptr<HostedFileLock> held(static_cast<HostedFileLock*>(lock));
  const IOStatus status = CallOnPath(Op::kUnlockFile, held->path);
  const IOStatus unlocked =
      held->local == nullptr ? IOStatus::OK() : target()->UnlockFile(held->local, options, dbg);
  return status.ok() ? unlocked : status;
}

#if ROCKSDB_MAJOR >= 9
void HostedFileSystem::SupportedOps(int64_t& supported_ops) {
  target()->SupportedOps(supported_ops);
  supported_ops |= int64_t{1} << rocksdb::FSSupportedOps::kVerifyAndReconstructRead;
}
#endif

IOStatus HostedFileSystem::Refetch(const DamagedRange& range, std::chrono::milliseconds age,
                                   Refetched* result) {
  return cloudenv::Refetch(*host_, {NormalizePath(range.path), range.offset, range.length}, age, result);
}

std::optional<std::string> HostedFileSystem::LocalPath(const std::string& path) const {
  std::string normal = NormalizePath(path);
  if (!host_->IsLocalName(normal)) return std::nullopt;
  return normal;
}

IOStatus HostedFileSystem::CallOnPath(Op op, const std::string& path, const Connection::Decoder& decode) {
  // RocksDB asks for directories that are not configured; that does not mean the working directory.
  if (path.empty()) return IOStatus::NotFound("an empty path names no file");
  return host_->Call(Request(op).String(NormalizePath(path)), decode);
}

IOStatus HostedFileSystem::CheckFence(const std::string& path) {
  return host_->fences().For(NormalizePath(path))->Check();
}

}  // namespace cloudenv
