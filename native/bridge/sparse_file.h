// A file of a known size, any part of which can be made present in a local copy on demand. Reads of present
// parts are reads of a local file; for the rest, the host is asked first.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "bridge/evictions.h"
#include "bridge/host_client.h"
#include "bridge/local_copy.h"

namespace cloudenv {

CopyLocation ReadCopyLocation(PayloadReader& payload);

// GetUniqueId keeps its default, none: a database that is destroyed and created again has other tables under
// the same paths and sizes, and RocksDB then makes up its own cache keys, which are never wrong.
class SparseFile final : public FSRandomAccessFile, private EvictionListener {
 public:
  // Takes the handle over. `copy` is the host's answer, if anything is present.
  SparseFile(const std::shared_ptr<HostClient>& host, const std::string& path, uint32_t handle, uint64_t size,
             const std::optional<CopyLocation>& copy, const FileOptions& options);
  ~SparseFile() override;

  IOStatus Read(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* dbg) const override;

  // Requests all missing parts at once.
  IOStatus MultiRead(FSReadRequest* requests, size_t count, const IOOptions& options,
                     IODebugContext* dbg) override;

  // NotSupported, which makes RocksDB read into its own buffer, if the host does not keep what it fetches.
  // RocksDB asks again at each block: a host that kept nothing last time is spared the fetch.
  IOStatus Prefetch(uint64_t offset, size_t n, const IOOptions& options, IODebugContext* dbg) override;

  void Hint(AccessPattern pattern) override { copy_.Hint(pattern); }
  IOStatus InvalidateCache(size_t offset, size_t length) override;

 private:
  IOStatus ReadRange(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                     IODebugContext* dbg, Visit visit) const;
  // False if it is not all present, or was not until the end.
  bool ReadPresent(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                   IODebugContext* dbg, Visit visit, IOStatus* status) const;
  // The host's bytes here are not those of the file, or can't be read: makes it look for others.
  IOStatus Distrust(uint64_t offset, uint64_t length) const;
  // Fills scratch. At most kMaxTransferBytes.
  IOStatus ReadPiece(uint64_t offset, size_t n, const IOOptions& options, char* scratch,
                     IODebugContext* dbg) const;

  // Records the span of all requests: only later does it show which of them is damaged.
  void SetLastRead(const FSReadRequest* requests, size_t count) const;
  bool IsWithin(const FSReadRequest& request) const;
  bool IsPresent(uint64_t offset, size_t n) const;
  Request EnsureRequest(uint64_t offset, size_t n) const;
  // Waits for the answer. Either reads go to the copy that it names, or the answer is the n bytes themselves,
  // which are put into scratch if there is one.
  IOStatus Ensure(Exchange& exchange, size_t n, char* scratch, bool* are_bytes) const;

  void OnEvicted(uint32_t generation) override { copy_.Evict(generation); }

  const std::shared_ptr<HostClient> host_;
  const std::string path_;
  const uint32_t handle_;
  const uint64_t size_;
  mutable LocalCopy copy_;
  // True if the last answer to ENSURE named a copy.
  mutable std::atomic<bool> is_kept_{true};
};

}  // namespace cloudenv
