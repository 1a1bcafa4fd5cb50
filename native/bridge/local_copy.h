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

// Reason for which a read finds its range present: it was there before, or was fetched for this read.
enum class Visit { kReturning, kFirst };

class LocalCopy {
 public:
  // A read under way: keeps the files open. Short-lived; its holder never waits for the host.
  class Lease {
   public:
    explicit Lease(LocalCopy& copy);
    Lease(const Lease&) = delete;
    ~Lease();

    // Reports whether all of [begin, end) can be read from file() now, as far as IsStillWhole confirms it.
    bool Covers(uint64_t begin, uint64_t end) const {
      return is_open_ && (map() == nullptr || map()->Covers(begin, end, removals_));
    }
    // Reports whether all that was covered has stayed in the file until now. If not, what was read may be
    // holes.
    bool IsStillWhole() const {
#ifndef __SANITIZE_THREAD__  // It knows no fences, and warns.
      std::atomic_thread_fence(std::memory_order_acquire);
#endif
      return map() == nullptr || map()->Removals() == removals_;
    }
    // Tells the host that somebody came back to the range. A read that goes on where another ended is that of
    // a scan, which comes back to nothing.
    void MarkRead(uint64_t begin, uint64_t end, Visit visit) const;
    // Null if there is no copy.
    FSRandomAccessFile* file() const { return is_open_ ? copy_.file_.get() : nullptr; }

   private:
    ChunkMap* map() const { return copy_.map_.get(); }

    LocalCopy& copy_;
    const size_t lane_;
    bool is_open_ = false;
    uint32_t removals_ = 0;
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
    // The last read that ended.
    std::atomic<uint64_t> begin{0};
    std::atomic<uint64_t> end{0};
  };

  // Reports whether a read goes on where another ended. Some versions of RocksDB are made to scan each range
  // twice.
  bool IsInOrder(uint64_t begin) const;

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
