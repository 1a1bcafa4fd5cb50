#include "binding/late_log.h"

#include "bridge/path.h"

namespace cloudenv {

using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus LateLog::Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) {
  const IOStatus created = Create(options, dbg);
  return created.ok() ? owned_->Append(data, options, dbg) : created;
}

IOStatus LateLog::Append(const Slice& data, const IOOptions& options,
                         const rocksdb::DataVerificationInfo& verification, IODebugContext* dbg) {
  const IOStatus created = Create(options, dbg);
  return created.ok() ? owned_->Append(data, options, verification, dbg) : created;
}

// RocksDB may have synced the directory for this file already.
IOStatus LateLog::Create(const IOOptions& options, IODebugContext* dbg) {
  if (file_ != nullptr) return IOStatus::OK();
  IOStatus status = file_system_->NewWritableFile(path_, options_, &owned_, dbg);
  if (!status.ok()) return status;
  std::unique_ptr<rocksdb::FSDirectory> directory;
  status = file_system_->NewDirectory(DirectoryOf(path_), options, &directory, dbg);
  if (status.ok()) status = directory->Fsync(options, dbg);
  if (status.ok()) file_ = owned_.get();
  return status;
}

template <typename Work>
IOStatus LateLog::OnceCreated(const Work& work) const {
  rocksdb::FSWritableFile* const file = file_;
  return file == nullptr ? IOStatus::OK() : work(file);
}

IOStatus LateLog::Flush(const IOOptions& options, IODebugContext* dbg) {
  return OnceCreated([&](FSWritableFile* file) { return file->Flush(options, dbg); });
}

IOStatus LateLog::Sync(const IOOptions& options, IODebugContext* dbg) {
  return OnceCreated([&](FSWritableFile* file) { return file->Sync(options, dbg); });
}

IOStatus LateLog::Fsync(const IOOptions& options, IODebugContext* dbg) {
  return OnceCreated([&](FSWritableFile* file) { return file->Fsync(options, dbg); });
}

IOStatus LateLog::RangeSync(uint64_t offset, uint64_t bytes, const IOOptions& options, IODebugContext* dbg) {
  return OnceCreated([&](FSWritableFile* file) { return file->RangeSync(offset, bytes, options, dbg); });
}

IOStatus LateLog::Allocate(uint64_t offset, uint64_t length, const IOOptions& options, IODebugContext* dbg) {
  return OnceCreated([&](FSWritableFile* file) { return file->Allocate(offset, length, options, dbg); });
}

IOStatus LateLog::Close(const IOOptions& options, IODebugContext* dbg) {
  return OnceCreated([&](FSWritableFile* file) { return file->Close(options, dbg); });
}

uint64_t LateLog::GetFileSize(const IOOptions& options, IODebugContext* dbg) {
  rocksdb::FSWritableFile* const file = file_;
  return file == nullptr ? 0 : file->GetFileSize(options, dbg);
}

}  // namespace cloudenv
