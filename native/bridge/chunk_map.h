// Present chunks of a sparse file: the host's bitmap, mapped shared and only read. docs/wire-protocol.md
// describes the layout. Bits are only ever set, so a chunk seen present stays present. The bridge writes one
// word of the file, to mark it as used, since the host sees no reads of present chunks.
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

  // Reports whether all of [begin, end) is present; the range is within the file and not empty.
  bool Covers(uint64_t begin, uint64_t end) const {
    MarkUsed();
    return end <= present_bytes_.load(std::memory_order_acquire) || CoversChunks(begin, end);
  }

 private:
  ChunkMap(const std::string& path, void* mapping, size_t mapped_bytes, int chunk_shift, uint64_t file_size);

  // Writes only after the host has reset the mark, so that readers share the cache line.
  void MarkUsed() const {
    if (__atomic_load_n(used_, __ATOMIC_RELAXED) == 0 && markable_.load(std::memory_order_relaxed))
      WriteMark();
  }
  void WriteMark() const;
  bool CoversChunks(uint64_t begin, uint64_t end) const;
  bool IsPresent(uint64_t chunk) const;
  // Moves present_bytes_ on over chunks that have become present since.
  void Advance() const;

  const std::string path_;
  // False once marking has failed: the file was evicted, or the disk is full.
  mutable std::atomic<bool> markable_{true};
  void* const mapping_;
  const size_t mapped_bytes_;
  const uint32_t* const used_;
  const unsigned char* const bits_;
  const int chunk_shift_;
  const uint64_t file_size_;
  // Length of the front of the file that is known to be present. Once it reaches the end, nobody looks at the
  // bits again.
  mutable std::atomic<uint64_t> present_bytes_{0};
};

}  // namespace cloudenv
