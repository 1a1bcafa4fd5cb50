#include "bridge/local_file.h"

namespace cloudenv {

LocalWritableFile::LocalWritableFile(std::unique_ptr<FSWritableFile> file, std::shared_ptr<const Fence> fence,
                                     const std::shared_ptr<HostClient>& host, const Interest& interest,
                                     const std::string& path, const WholeAppendFile::Place& place)
    : FSWritableFileOwnerWrapper(std::make_unique<WholeAppendFile>(std::move(file), place)),
      fence_(std::move(fence)),
      host_(host),
      interest_(interest),
      path_(path),
      size_(place.size) {}

LocalWritableFile::~LocalWritableFile() { Close(IOOptions(), nullptr).PermitUncheckedError(); }

IOStatus LocalWritableFile::Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) {
  return UnlessFenced(size_ + data.size(), [&] {
    return host_->WithRoom(path_, data.size(), [&] { return target()->Append(data, options, dbg); });
  });
}

IOStatus LocalWritableFile::Append(const Slice& data, const IOOptions& options,
                                   const rocksdb::DataVerificationInfo& verification, IODebugContext* dbg) {
  return UnlessFenced(size_ + data.size(), [&] {
    return host_->WithRoom(path_, data.size(),
                           [&] { return target()->Append(data, options, verification, dbg); });
  });
}

IOStatus LocalWritableFile::PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                                             IODebugContext* dbg) {
  return UnlessFenced(offset + data.size(), [&] {
    return host_->WithRoom(path_, data.size(),
                           [&] { return target()->PositionedAppend(data, offset, options, dbg); });
  });
}

IOStatus LocalWritableFile::PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                                             const rocksdb::DataVerificationInfo& verification,
                                             IODebugContext* dbg) {
  return UnlessFenced(offset + data.size(), [&] {
    return host_->WithRoom(path_, data.size(), [&] {
      return target()->PositionedAppend(data, offset, options, verification, dbg);
    });
  });
}

IOStatus LocalWritableFile::Truncate(uint64_t size, const IOOptions& options, IODebugContext* dbg) {
  return UnlessFenced(size, [&] { return target()->Truncate(size, options, dbg); });
}

IOStatus LocalWritableFile::Sync(const IOOptions& options, IODebugContext* dbg) {
  return SyncBoth([&] { return target()->Sync(options, dbg); });
}

IOStatus LocalWritableFile::Fsync(const IOOptions& options, IODebugContext* dbg) {
  return SyncBoth([&] { return target()->Fsync(options, dbg); });
}

// Spreads the writing of a large file over time and promises nothing: RocksDB also calls it in the middle of
// a MANIFEST, which the host has to hear of only when it is whole.
IOStatus LocalWritableFile::RangeSync(uint64_t offset, uint64_t bytes, const IOOptions& options,
                                      IODebugContext* dbg) {
  const IOStatus fenced = fence_->Check();
  return fenced.ok() ? target()->RangeSync(offset, bytes, options, dbg) : fenced;
}

// Works behind a fence too. The host hears of it only if everything written is there.
IOStatus LocalWritableFile::Close(const IOOptions& options, IODebugContext* dbg) {
  if (closed_) return IOStatus::OK();
  closed_ = true;
  const IOStatus status = target()->Close(options, dbg);
  if (status.ok() && interest_.in_close) host_->Notify(Request(Op::kClose).U32(interest_.handle).U64(size_));
  return status;
}

template <typename Write>
IOStatus LocalWritableFile::UnlessFenced(uint64_t new_size, const Write& write) {
  IOStatus status = fence_->Check();
  if (status.ok()) status = write();
  if (status.ok()) size_ = new_size;
  return status;
}

template <typename LocalSync>
IOStatus LocalWritableFile::SyncBoth(const LocalSync& sync) {
  IOStatus status = fence_->Check();
  // Taken before the local sync, so that the size that the host gets is durable here.
  const uint64_t size = size_;
  if (status.ok()) status = sync();
  if (status.ok() && interest_.in_sync) {
    status = host_->Call(Request(Op::kSync).U32(interest_.handle).U64(size));
  }
  return status;
}

}  // namespace cloudenv
