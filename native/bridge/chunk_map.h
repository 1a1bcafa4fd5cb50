// Present chunks of a sparse file: the host's bitmap, mapped shared and only read. docs/wire-protocol.md
// describes the layout. The host removes chunks at any time, without asking: it clears their bits, counts
// that as a removal, and then takes the bytes away. A read of present chunks is valid if no removal was
// counted from before it looked at the bits until after it had the bytes. The bridge writes one byte of the
// file for each chunk, to mark it as used, since the host sees no reads of present chunks.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "bridge/rocksdb_names.h"

namespace cloudenv {

class ChunkMap {
 public:
  // Fails with NotFound if there is no such file.
  static IOStatus Open(const std::string& path, uint64_t file_size, std::unique_ptr<ChunkMap>* result);
  ~ChunkMap();

  // Number of removals so far. Load it before Covers and compare it after the read.
  uint32_t Removals() const { return __atomic_load_n(removals_, __ATOMIC_ACQUIRE); }
  // Reports whether all of [begin, end) is present; the range is within the file and not empty. `removals` is
  // what Removals returned before.
  bool Covers(uint64_t begin, uint64_t end, uint32_t removals) const {
    const bool is_in_front = removals == 0 && end <= present_bytes_.load(std::memory_order_acquire);
    return is_in_front || CoversChunks(begin, end, removals);
  }
  // Reports whether all of the range is marked as used, or can't be.
  bool IsMarked(uint64_t begin, uint64_t end) const;
  // Marks the range as used, for the host.
  void MarkUsed(uint64_t begin, uint64_t end) const;

 private:
  ChunkMap(const std::string& path, void* mapping, size_t mapped_bytes, int chunk_shift, uint64_t file_size);

  bool CoversChunks(uint64_t begin, uint64_t end, uint32_t removals) const;
  bool IsPresent(uint64_t chunk) const;
  // Moves present_bytes_ on over chunks that have become present since.
  void Advance() const;

  const std::string path_;
  // False once marking has failed: the file was evicted, or the disk is full.
  mutable std::atomic<bool> markable_{true};
  void* const mapping_;
  const size_t mapped_bytes_;
  const uint32_t* const removals_;
  const unsigned char* const bits_;
  // One byte a chunk.
  const unsigned char* const used_;
  const int chunk_shift_;
  const uint64_t file_size_;
  // Length of the front of the file that is known to be present, as long as no chunk has been removed. Once
  // it reaches the end, nobody looks at the bits before the first removal.
  mutable std::atomic<uint64_t> present_bytes_{0};
};

}  // namespace cloudenv
