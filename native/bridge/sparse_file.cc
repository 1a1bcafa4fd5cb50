#include "bridge/sparse_file.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "bridge/error.h"
#include "bridge/refetch.h"

namespace cloudenv {

namespace {

// A copy may be evicted between the answer that names it and the read. If that happens so often, the host
// holds less than the concurrent reads need.
constexpr int kMaxAttempts = 8;

}  // namespace

CopyLocation ReadCopyLocation(PayloadReader& payload) {
  CopyLocation copy;
  copy.generation = payload.U32();
  copy.path = payload.String();
  if (payload.Bool()) copy.chunk_map_path = payload.String();
  return copy;
}

SparseFile::SparseFile(const std::shared_ptr<HostClient>& host, const std::string& path, uint32_t handle,
                       uint64_t size, const std::optional<CopyLocation>& copy, const FileOptions& options)
    : host_(host),
      path_(path),
      handle_(handle),
      size_(size),
      copy_(size, options, [host = host.get(), handle](uint32_t generation) {
        host->Notify(Request(Op::kReleased).U32(handle).U32(generation));
      }) {
  host_->evictions().Register(handle_, this);
  // If anything is wrong with this copy, the first read asks for another.
  bool gone;
  if (copy.has_value()) copy_.Adopt(*copy, &gone).PermitUncheckedError();
}

SparseFile::~SparseFile() {
  host_->evictions().Unregister(handle_, this);
  host_->Notify(Request(Op::kClose).U32(handle_).U64(0));
}

IOStatus SparseFile::Read(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                          IODebugContext* dbg) const {
  return ReadRange(offset, n, options, result, scratch, dbg, Visit::kReturning);
}

IOStatus SparseFile::ReadRange(uint64_t offset, size_t n, const IOOptions& options, Slice* result,
                               char* scratch, IODebugContext* dbg, Visit visit) const {
  n = offset < size_ ? std::min<uint64_t>(n, size_ - offset) : 0;
  *result = Slice(scratch, 0);
  if (n == 0) return IOStatus::OK();
  if (scratch == nullptr) {
    return IOStatus::NotSupported("read " + path_,
                                  "it is not mapped into memory: open without allow_mmap_reads");
  }
  cloudenv::SetLastRead(path_, offset, n);
  IOStatus status;
  if (IsReadAgain(options)) status = Distrust(offset, n);
  if (!status.ok()) return status;
  if (ReadPresent(offset, n, options, result, scratch, dbg, visit, &status)) {
    if (status.ok()) return status;
    // The local copy was truncated, or its disk fails: another one can be had.
    status = Distrust(0, 0);
  }
  for (size_t done = 0; done < n && status.ok();) {
    const size_t piece = std::min(n - done, kMaxTransferBytes);
    status = ReadPiece(offset + done, piece, options, scratch + done, dbg);
    done += piece;
  }
  if (status.ok()) *result = Slice(scratch, n);
  return status;
}

IOStatus SparseFile::MultiRead(FSReadRequest* requests, size_t count, const IOOptions& options,
                               IODebugContext* dbg) {
  {
    const LocalCopy::Lease lease(copy_);
    const bool all_present = std::all_of(requests, requests + count, [&](const FSReadRequest& request) {
      return IsWithin(request) && lease.Covers(request.offset, request.offset + request.len);
    });
    if (all_present && lease.file() != nullptr && !IsReadAgain(options)) {
      SetLastRead(requests, count);
      const IOStatus status = lease.file()->MultiRead(requests, count, options, dbg);
      std::for_each(requests, requests + count, [&](const FSReadRequest& request) {
        lease.MarkRead(request.offset, request.offset + request.len, Visit::kReturning);
      });
      const bool all_read = std::all_of(requests, requests + count, [](const FSReadRequest& request) {
        return request.status.ok() && request.result.size() == request.len;
      });
      if (status.ok() && all_read && lease.IsStillWhole()) return status;
      // Chunks were removed meanwhile, the local copy was truncated, or its disk fails: below, each range is
      // read by itself, from another copy if necessary.
    }
  }
  if (IsReadAgain(options)) {
    for (size_t i = 0; i < count; ++i) {
      FSReadRequest& request = requests[i];
      request.status = Read(request.offset, request.len, options, &request.result, request.scratch, dbg);
    }
    SetLastRead(requests, count);
    return IOStatus::OK();
  }

  const auto is_missing = [this](const FSReadRequest& request) {
    return request.scratch != nullptr && request.len <= kMaxTransferBytes && IsWithin(request) &&
           !IsPresent(request.offset, request.len);
  };
  std::vector<std::optional<Exchange>> fetches(count);
  for (size_t i = 0; i < count; ++i) {
    if (is_missing(requests[i])) {
      fetches[i].emplace(host_->connection(), EnsureRequest(requests[i].offset, requests[i].len));
    }
  }
  for (size_t i = 0; i < count; ++i) {
    FSReadRequest& request = requests[i];
    bool are_bytes = false;
    request.status = fetches[i].has_value() ? Ensure(*fetches[i], request.len, request.scratch, &are_bytes)
                                            : IOStatus::OK();
    request.result = Slice(request.scratch, are_bytes ? request.len : 0);
    if (request.status.ok() && !are_bytes) {
      const Visit visit = fetches[i].has_value() ? Visit::kFirst : Visit::kReturning;
      request.status =
          ReadRange(request.offset, request.len, options, &request.result, request.scratch, dbg, visit);
    }
  }
  SetLastRead(requests, count);
  return IOStatus::OK();
}

IOStatus SparseFile::Prefetch(uint64_t offset, size_t n, const IOOptions& options, IODebugContext* dbg) {
  n = offset < size_ ? std::min<uint64_t>(n, size_ - offset) : 0;
  if (n == 0) return IOStatus::OK();
  if (!IsPresent(offset, n)) {
    bool are_bytes = !is_kept_.load(std::memory_order_relaxed);
    if (!are_bytes) {
      Exchange exchange(host_->connection(), EnsureRequest(offset, n));
      const IOStatus status = Ensure(exchange, n, nullptr, &are_bytes);
      if (!status.ok()) return status;
    }
    if (are_bytes) return IOStatus::NotSupported("prefetch " + path_, "the Env keeps no local copy");
  }
  const LocalCopy::Lease lease(copy_);
  return lease.file() == nullptr ? IOStatus::OK() : lease.file()->Prefetch(offset, n, options, dbg);
}

IOStatus SparseFile::InvalidateCache(size_t offset, size_t length) {
  const LocalCopy::Lease lease(copy_);
  return lease.file() == nullptr ? IOStatus::OK() : lease.file()->InvalidateCache(offset, length);
}

bool SparseFile::ReadPresent(uint64_t offset, size_t n, const IOOptions& options, Slice* result,
                             char* scratch, IODebugContext* dbg, Visit visit, IOStatus* status) const {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const LocalCopy::Lease lease(copy_);
    if (!lease.Covers(offset, offset + n)) return false;
    *status = lease.file()->Read(offset, n, options, result, scratch, dbg);
    // Chunks were removed meanwhile, perhaps others.
    if (!lease.IsStillWhole()) {
      *status = IOStatus::OK();
      continue;
    }
    lease.MarkRead(offset, offset + n, visit);
    if (status->ok() && result->size() != n) {
      *status =
          IOStatus::IOError("read " + path_, "its local copy ends before byte " + std::to_string(offset + n));
    }
    return true;
  }
  return false;
}

IOStatus SparseFile::Distrust(uint64_t offset, uint64_t length) const {
  Refetched refetched;
  return ReadFailure(Refetch(*host_, {path_, offset, length}, kAgeOfReadAgain, &refetched));
}

IOStatus SparseFile::ReadPiece(uint64_t offset, size_t n, const IOOptions& options, char* scratch,
                               IODebugContext* dbg) const {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    Exchange exchange(host_->connection(), EnsureRequest(offset, n));
    bool are_bytes = false;
    IOStatus status = Ensure(exchange, n, scratch, &are_bytes);
    if (!status.ok() || are_bytes) return status;
    Slice present;
    if (ReadPresent(offset, n, options, &present, scratch, dbg, Visit::kFirst, &status)) return status;
  }
  IOStatus status = IOStatus::IOError("read " + path_,
                                      "what was fetched was evicted again before it could be read, " +
                                          std::to_string(kMaxAttempts) + " times: give the cache more room");
  status.SetRetryable(true);
  status.SetScope(IOStatus::kIOErrorScopeFile);
  return status;
}

void SparseFile::SetLastRead(const FSReadRequest* requests, size_t count) const {
  uint64_t begin = size_;
  uint64_t end = 0;
  for (const FSReadRequest* request = requests; request != requests + count; ++request) {
    if (!IsWithin(*request)) continue;
    begin = std::min(begin, request->offset);
    end = std::max(end, request->offset + request->len);
  }
  if (begin < end) cloudenv::SetLastRead(path_, begin, end - begin);
}

bool SparseFile::IsWithin(const FSReadRequest& request) const {
  return request.len > 0 && request.len <= size_ && request.offset <= size_ - request.len;
}

bool SparseFile::IsPresent(uint64_t offset, size_t n) const {
  return LocalCopy::Lease(copy_).Covers(offset, offset + n);
}

Request SparseFile::EnsureRequest(uint64_t offset, size_t n) const {
  Request request(Op::kEnsure);
  request.U32(handle_).U64(offset).U64(n);
  return request;
}

IOStatus SparseFile::Ensure(Exchange& exchange, size_t n, char* scratch, bool* are_bytes) const {
  CopyLocation copy;
  size_t received = n;
  const IOStatus status = exchange.Answer([&](PayloadReader& payload) {
    const uint8_t form = payload.U8();
    *are_bytes = form == 1;
    if (form == 0) {
      copy = ReadCopyLocation(payload);
    } else if (form == 1) {
      const Slice bytes = payload.Bytes();
      received = bytes.size();
      if (scratch != nullptr && received == n) std::memcpy(scratch, bytes.data(), n);
    } else {
      payload.Reject();
    }
  });
  if (!status.ok()) return ReadFailure(status);
  if (received != n) {
    return IOStatus::IOError("read " + path_, "the Env answered " + std::to_string(received) +
                                                  " bytes instead of " + std::to_string(n));
  }
  is_kept_.store(!*are_bytes, std::memory_order_relaxed);
  bool gone = false;
  return *are_bytes ? status : copy_.Adopt(copy, &gone);
}

}  // namespace cloudenv
