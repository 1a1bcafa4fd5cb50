// A file of a known size of which any part can be made present in a local copy on demand. Reads of what is
// present are reads of a local file; for the rest the host is asked first.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "bridge/evictions.h"
#include "bridge/host.h"
#include "bridge/local_copy.h"

namespace cloudenv {

CopyLocation ReadCopyLocation(PayloadReader& payload);

// GetUniqueId stays at its default, none: a database that is destroyed and made anew has other tables under
// the same paths and sizes, and RocksDB then makes up cache keys of its own, which are never wrong.
class SparseFile final : public FSRandomAccessFile, private EvictionListener {
 public:
  // Takes the handle over. `copy` is what the host answered, if anything is present.
  SparseFile(const std::shared_ptr<Host>& host, const std::string& path, uint32_t handle, uint64_t size,
             const std::optional<CopyLocation>& copy, const FileOptions& options);
  ~SparseFile() override;

  IOStatus Read(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* dbg) const override;

  // What is missing is asked for all at once.
  IOStatus MultiRead(FSReadRequest* requests, size_t count, const IOOptions& options,
                     IODebugContext* dbg) override;

  // NotSupported, which makes RocksDB read into a buffer of its own, when the host does not keep what it
  // fetches. RocksDB asks again at each block: a host that kept nothing last time is spared the fetch.
  IOStatus Prefetch(uint64_t offset, size_t n, const IOOptions& options, IODebugContext* dbg) override;

  void Hint(AccessPattern pattern) override { copy_.Hint(pattern); }
  IOStatus InvalidateCache(size_t offset, size_t length) override;

 private:
  // False when it is not all present.
  bool ReadPresent(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                   IODebugContext* dbg, IOStatus* status) const;
  // Fills scratch. At most kMaxTransferBytes.
  IOStatus ReadPiece(uint64_t offset, size_t n, const IOOptions& options, char* scratch,
                     IODebugContext* dbg) const;

  bool IsWithin(const FSReadRequest& request) const;
  bool IsPresent(uint64_t offset, size_t n) const;
  Request EnsureRequest(uint64_t offset, size_t n) const;
  // Waits for the answer. Either reads go to the copy that it names, or it is the n bytes themselves, which
  // are put into scratch if there is one.
  IOStatus Ensure(Exchange& exchange, size_t n, char* scratch, bool* are_bytes) const;

  void OnEvicted(uint32_t generation) override { copy_.Evict(generation); }

  const std::shared_ptr<Host> host_;
  const std::string path_;
  const uint32_t handle_;
  const uint64_t size_;
  mutable LocalCopy copy_;
  // Whether the last answer to ENSURE named a copy.
  mutable std::atomic<bool> is_kept_{true};
};

}  // namespace cloudenv
