#include "bridge/served_file.h"

#include <algorithm>
#include <cstring>

#include "bridge/error.h"
#include "bridge/refetch.h"

namespace cloudenv {

ServedRandomAccessFile::~ServedRandomAccessFile() { host_->Notify(Request(Op::kClose).U32(handle_).U64(0)); }

IOStatus ServedRandomAccessFile::Read(uint64_t offset, size_t n, const IOOptions& options, Slice* result,
                                      char* scratch, IODebugContext*) const {
  *result = Slice(scratch, 0);
  if (n > 0 && scratch == nullptr) {
    return IOStatus::NotSupported("read " + path_,
                                  "it is not mapped into memory: open without allow_mmap_reads");
  }
  // No file is that long, and the protocol has no such number: a damaged file claims that something is there.
  if (offset > kMaxInteger) return IOStatus::OK();
  SetLastRead(path_, offset, n);
  if (IsReadAgain(options)) {
    Refetched refetched;
    const IOStatus status = Refetch(*host_, {path_, offset, n}, kAgeOfReadAgain, &refetched);
    if (!status.ok()) return ReadFailure(status);
  }
  for (size_t done = 0; done < n;) {
    const size_t piece = std::min(n - done, kMaxTransferBytes);
    size_t received = 0;
    const Request request =
        Request(Op::kRead).U32(handle_).U64(offset + done).U32(static_cast<uint32_t>(piece));
    const IOStatus status = host_->Call(request, [&](PayloadReader& payload) {
      const Slice bytes = payload.Bytes();
      received = bytes.size();
      if (received > piece) return payload.Reject();
      std::memcpy(scratch + done, bytes.data(), received);
    });
    if (!status.ok()) return ReadFailure(status);
    done += received;
    *result = Slice(scratch, done);
    if (received < piece) break;  // the end of the file
  }
  return IOStatus::OK();
}

ServedWritableFile::~ServedWritableFile() { Close(IOOptions(), nullptr).PermitUncheckedError(); }

IOStatus ServedWritableFile::Append(const Slice& data, const IOOptions&, IODebugContext*) {
  IOStatus status = fence_->Check();
  for (size_t done = 0; done < data.size() && status.ok();) {
    const size_t piece = std::min(data.size() - done, kMaxTransferBytes);
    status = host_->Call(Request(Op::kAppend).U32(handle_).String(Slice(data.data() + done, piece)));
    done += piece;
    if (status.ok()) size_ += piece;
  }
  return status;
}

IOStatus ServedWritableFile::Truncate(uint64_t size, const IOOptions&, IODebugContext*) {
  const IOStatus status = CallUnlessFenced(Op::kTruncate, size);
  if (status.ok()) size_ = size;
  return status;
}

IOStatus ServedWritableFile::Sync(const IOOptions&, IODebugContext*) {
  return CallUnlessFenced(Op::kSync, size_);
}

// Works behind a fence too: the host frees the file's resources.
IOStatus ServedWritableFile::Close(const IOOptions&, IODebugContext*) {
  if (closed_) return IOStatus::OK();
  closed_ = true;
  return host_->Call(Request(Op::kClose).U32(handle_).U64(size_));
}

IOStatus ServedWritableFile::CallUnlessFenced(Op op, uint64_t size) {
  const IOStatus fenced = fence_->Check();
  return fenced.ok() ? host_->Call(Request(op).U32(handle_).U64(size)) : fenced;
}

}  // namespace cloudenv
