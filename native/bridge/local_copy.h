// The local copy of a sparse file: target of its reads while the host evicts it and brings it back.
//
// Reads do not lock. Each counts itself in before it looks whether the copy is open, and out when it is done;
// an eviction closes the door first and then looks whether anybody is in. The last one out closes the files.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "bridge/chunk_map.h"
#include "bridge/rocksdb_names.h"

namespace cloudenv {

// Location of one incarnation of the file, as the host names it.
struct CopyLocation {
  uint32_t generation = 0;
  std::string path;
  // Empty if all of the file is present.
  std::string chunk_map_path;
};

class LocalCopy {
 public:
  // A read under way: keeps the files open. Short-lived; its holder never waits for the host.
  class Lease {
   public:
    explicit Lease(LocalCopy& copy);
    Lease(const Lease&) = delete;
    ~Lease();

    // Reports whether all of [begin, end) can be read from file() now.
    bool Covers(uint64_t begin, uint64_t end) const {
      return is_open_ && (copy_.map_ == nullptr || copy_.map_->Covers(begin, end));
    }
    // Null if there is no copy.
    FSRandomAccessFile* file() const { return is_open_ ? copy_.file_.get() : nullptr; }

   private:
    LocalCopy& copy_;
    const size_t lane_;
    bool is_open_ = false;
  };

  // `released` gets each generation that was announced and is not held open, or no longer. It must not call
  // back.
  LocalCopy(uint64_t file_size, const FileOptions& options, std::function<void(uint32_t)> released);

  // Reads go to this copy from now on, unless a newer one is in use already. If it is gone already, sets
  // *gone, and the caller had better ask again.
  IOStatus Adopt(const CopyLocation& location, bool* gone);

  // Releases the copy as soon as no read uses it. Does not wait for that.
  void Evict(uint32_t generation);

  // Applies to this copy and later ones.
  void Hint(FSRandomAccessFile::AccessPattern pattern);

 private:
  // Threads are spread over lanes, so that readers on different cores seldom share a cache line.
  static constexpr size_t kLanes = 8;
  struct alignas(64) Lane {
    std::atomic<int> readers{0};
  };

  static size_t LaneOfThisThread();

  bool HasReaders() const;
  void CloseIfUnused();
  IOStatus Open(const CopyLocation& location, bool* gone);

  const uint64_t file_size_;
  const FileOptions options_;
  const std::function<void(uint32_t)> released_;

  std::array<Lane, kLanes> lanes_;
  // Both sides are seq_cst where it meets the lanes: a reader counts itself in and then looks, an evictor
  // closes and then counts.
  std::atomic<bool> open_{false};
  std::atomic<FSRandomAccessFile::AccessPattern> pattern_{FSRandomAccessFile::kNormal};

  std::mutex mutex_;
  std::condition_variable closed_;
  std::optional<uint32_t> evicted_;
  // These members change only while the copy is not open and has no readers.
  uint32_t generation_ = 0;
  std::unique_ptr<FSRandomAccessFile> file_;
  std::unique_ptr<ChunkMap> map_;
};

}  // namespace cloudenv
