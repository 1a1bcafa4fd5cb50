// Files whose bytes the Env serves itself, over the socket.
#pragma once

#include <memory>
#include <string>

#include "bridge/fence.h"
#include "bridge/host_client.h"

namespace cloudenv {

class ServedRandomAccessFile final : public FSRandomAccessFile {
 public:
  // Takes the handle over.
  ServedRandomAccessFile(const std::shared_ptr<HostClient>& host, const std::string& path, uint32_t handle)
      : host_(host), path_(path), handle_(handle) {}
  ~ServedRandomAccessFile() override;

  IOStatus Read(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* dbg) const override;
  // Nothing is cached here.
  IOStatus InvalidateCache(size_t, size_t) override { return IOStatus::OK(); }

 private:
  const std::shared_ptr<HostClient> host_;
  const std::string path_;
  const uint32_t handle_;
};

// A failed append of more than a frame may leave a part behind: see WholeAppendFile.
class ServedWritableFile final : public FSWritableFile {
 public:
  // Takes the handle over. `size` is the present size of the file.
  ServedWritableFile(const std::shared_ptr<HostClient>& host, uint32_t handle,
                     std::shared_ptr<const Fence> fence, const FileOptions& options, uint64_t size)
      : FSWritableFile(options), host_(host), handle_(handle), fence_(std::move(fence)), size_(size) {}
  ~ServedWritableFile() override;

  using FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override;
  // Nothing is buffered here.
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Close(const IOOptions& options, IODebugContext* dbg) override;
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return size_; }
  IOStatus InvalidateCache(size_t, size_t) override { return IOStatus::OK(); }

 private:
  IOStatus CallUnlessFenced(Op op, uint64_t size);

  const std::shared_ptr<HostClient> host_;
  const uint32_t handle_;
  const std::shared_ptr<const Fence> fence_;
  uint64_t size_;
  bool closed_ = false;
};

}  // namespace cloudenv
