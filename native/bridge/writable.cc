#include "bridge/writable.h"

#include "bridge/error.h"
#include "bridge/local_file.h"
#include "bridge/served_file.h"

namespace cloudenv {

namespace {

struct Writable {
  bool served = false;
  std::string path;  // of a local one
  LocalWritableFile::Interest interest;
};

IOStatus Open(HostClient& host, Op op, const std::string& path, Writable* writable) {
  return host.Call(Request(op).String(path), [writable](PayloadReader& payload) {
    const uint8_t kind = payload.U8();
    writable->served = kind == 1;
    writable->interest.handle = payload.U32();
    if (kind == 0) {
      writable->path = payload.String();
      writable->interest.in_sync = payload.Bool();
      writable->interest.in_close = payload.Bool();
    } else if (kind != 1) {
      payload.Reject();
    }
  });
}

IOStatus OpenLocal(Op op, const std::string& path, const FileOptions& options,
                   std::unique_ptr<FSWritableFile>* file, uint64_t* size) {
  const std::shared_ptr<FileSystem> fs = FileSystem::Default();
  if (op == Op::kNewWritableFile) return fs->NewWritableFile(path, options, file, nullptr);
  const IOStatus status = fs->ReopenWritableFile(path, options, file, nullptr);
  return status.ok() ? fs->GetFileSize(path, IOOptions(), size, nullptr) : status;
}

IOStatus SizeOf(HostClient& host, const std::string& path, uint64_t* size) {
  return host.Call(Request(Op::kGetFileSize).String(path),
                   [size](PayloadReader& payload) { *size = payload.U64(); });
}

}  // namespace

IOStatus OpenWritableFile(const std::shared_ptr<HostClient>& host, Op op, const std::string& path,
                          const FileOptions& options, std::unique_ptr<FSWritableFile>* result) {
  const std::shared_ptr<const Fence> fence = host->fences().For(path);
  IOStatus status = fence->Check();
  if (!status.ok()) return status;

  Writable writable;
  writable.path = path;
  if (!host->IsLocalName(path) || !host->fences().IsLocked(path)) status = Open(*host, op, path, &writable);
  if (!status.ok()) return status;

  const bool is_reopened = op == Op::kReopenWritableFile;
  uint64_t size = 0;
  if (writable.served) {
    if (is_reopened) status = SizeOf(*host, path, &size);
    auto served = std::make_unique<ServedWritableFile>(host, writable.interest.handle, fence, options, size);
    *result = std::make_unique<WholeAppendFile>(std::move(served), WholeAppendFile::Place{size, true});
    return status;
  }
  std::unique_ptr<FSWritableFile> file;
  status = host->WithRoom(writable.path, 0,
                          [&] { return AsNoSpace(OpenLocal(op, writable.path, options, &file, &size)); });
  if (!status.ok()) return status;
  *result = std::make_unique<LocalWritableFile>(std::move(file), fence, host, writable.interest,
                                                writable.path, WholeAppendFile::Place{size, is_reopened});
  return status;
}

IOStatus ReuseLocalFile(const std::shared_ptr<HostClient>& host, const std::string& path,
                        const std::string& old_path, const FileOptions& options,
                        std::unique_ptr<FSWritableFile>* result) {
  const std::shared_ptr<const Fence> fence = host->fences().For(path);
  IOStatus status = fence->Check();
  if (!status.ok()) return status;
  std::unique_ptr<FSWritableFile> file;
  status = host->WithRoom(path, 0, [&] {
    return AsNoSpace(FileSystem::Default()->ReuseWritableFile(path, old_path, options, &file, nullptr));
  });
  if (!status.ok()) return status;
  *result = std::make_unique<LocalWritableFile>(std::move(file), fence, host, LocalWritableFile::Interest(),
                                                path, WholeAppendFile::Place());
  return status;
}

}  // namespace cloudenv
