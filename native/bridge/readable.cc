#include "bridge/readable.h"

#include "bridge/error.h"
#include "bridge/path.h"
#include "bridge/served_file.h"
#include "bridge/sparse_file.h"

namespace cloudenv {

namespace {

enum class Kind : uint8_t { kLocal = 0, kSparse = 1, kServed = 2 };

struct Readable {
  Kind kind = Kind::kLocal;
  std::string path;  // of a local one
  uint32_t handle = 0;
  uint64_t size = 0;
  std::optional<CopyLocation> copy;
};

IOStatus Open(HostClient& host, Op op, const std::string& path, Readable* readable) {
  const IOStatus status = host.Call(Request(op).String(path), [readable](PayloadReader& payload) {
    readable->kind = static_cast<Kind>(payload.U8());
    switch (readable->kind) {
      case Kind::kLocal:
        readable->path = payload.String();
        return;
      case Kind::kSparse:
        readable->handle = payload.U32();
        readable->size = payload.U64();
        if (payload.Bool()) readable->copy = ReadCopyLocation(payload);
        return;
      case Kind::kServed:
        readable->handle = payload.U32();
        return;
    }
    payload.Reject();
  });
  // Whoever opens a database has to tell a missing one from a missing bucket.
  return BaseNameOf(path) == "CURRENT" ? status : ReadFailure(status);
}

// A file of any kind except local.
std::unique_ptr<FSRandomAccessFile> Construct(const std::shared_ptr<HostClient>& host,
                                              const std::string& path, const Readable& readable,
                                              const FileOptions& options) {
  if (readable.kind == Kind::kServed)
    return std::make_unique<ServedRandomAccessFile>(host, path, readable.handle);
  return std::make_unique<SparseFile>(host, path, readable.handle, readable.size, readable.copy, options);
}

// Reads a random-access file from front to back.
class SequentialFile final : public FSSequentialFile {
 public:
  explicit SequentialFile(std::unique_ptr<FSRandomAccessFile> file) : file_(std::move(file)) {}

  IOStatus Read(size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* dbg) override {
    const IOStatus status = file_->Read(position_, n, options, result, scratch, dbg);
    if (status.ok()) position_ += result->size();
    return status;
  }

  IOStatus PositionedRead(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                          IODebugContext* dbg) override {
    return file_->Read(offset, n, options, result, scratch, dbg);
  }

  // A position beyond the end, where reads find nothing, is as good as the end.
  IOStatus Skip(uint64_t n) override {
    position_ += n;
    return IOStatus::OK();
  }

  IOStatus InvalidateCache(size_t offset, size_t length) override {
    return file_->InvalidateCache(offset, length);
  }

 private:
  const std::unique_ptr<FSRandomAccessFile> file_;
  uint64_t position_ = 0;
};

}  // namespace

IOStatus OpenRandomAccessFile(const std::shared_ptr<HostClient>& host, const std::string& path,
                              const FileOptions& options, std::unique_ptr<FSRandomAccessFile>* result) {
  const Evictions::Opening opening(host->evictions());
  Readable readable;
  IOStatus status = Open(*host, Op::kNewRandomAccessFile, path, &readable);
  if (!status.ok()) return status;
  if (readable.kind == Kind::kLocal) {
    return FileSystem::Default()->NewRandomAccessFile(readable.path, options, result, nullptr);
  }
  *result = Construct(host, path, readable, options);
  return status;
}

IOStatus OpenSequentialFile(const std::shared_ptr<HostClient>& host, const std::string& path,
                            const FileOptions& options, std::unique_ptr<FSSequentialFile>* result) {
  const Evictions::Opening opening(host->evictions());
  Readable readable;
  IOStatus status = Open(*host, Op::kNewSequentialFile, path, &readable);
  if (!status.ok()) return status;
  if (readable.kind == Kind::kLocal) {
    return FileSystem::Default()->NewSequentialFile(readable.path, options, result, nullptr);
  }
  *result = std::make_unique<SequentialFile>(Construct(host, path, readable, options));
  return status;
}

}  // namespace cloudenv
