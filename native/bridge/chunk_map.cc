#include "bridge/chunk_map.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bridge/file_descriptor.h"
#include "bridge/wire.h"

namespace cloudenv {

namespace {

constexpr char kMapMagic[] = "CHUNKMAP";
constexpr uint32_t kMapVersion = 2;
constexpr size_t kMapRemovalsOffset = 24;
constexpr size_t kMapHeaderBytes = 64;

IOStatus CannotUse(const std::string& path, const std::string& reason) {
  return IOStatus::IOError("cannot use the chunk map " + path, reason);
}

size_t BitsBytes(uint64_t chunks) { return static_cast<size_t>((chunks + 7) / 8); }

uint64_t ChunksOf(uint64_t file_size, int chunk_shift) {
  return (file_size >> chunk_shift) + ((file_size & ((uint64_t{1} << chunk_shift) - 1)) != 0);
}

// Logarithm of the chunk size in the header; -1 if this is not the header of a map for such a file.
int ReadHeader(const void* header, uint64_t file_size) {
  const char* bytes = static_cast<const char*>(header);
  PayloadReader fields(Slice(bytes + 8, kMapHeaderBytes - 8));
  const uint32_t version = fields.U32();
  const uint32_t chunk_bytes = fields.U32();
  const bool is_ours =
      std::memcmp(bytes, kMapMagic, 8) == 0 && version == kMapVersion && fields.U64() == file_size;
  if (!is_ours || chunk_bytes == 0 || (chunk_bytes & (chunk_bytes - 1)) != 0) return -1;
  return __builtin_ctz(chunk_bytes);
}

}  // namespace

IOStatus ChunkMap::Open(const std::string& path, uint64_t file_size, std::unique_ptr<ChunkMap>* result) {
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat attributes;
  if (!fd.valid() || fstat(fd.get(), &attributes) != 0) {
    return errno == ENOENT ? IOStatus::NotFound(path) : CannotUse(path, std::strerror(errno));
  }
  const auto map_bytes = static_cast<size_t>(attributes.st_size);
  if (map_bytes < kMapHeaderBytes) return CannotUse(path, "it is shorter than its header");
  void* const mapping = mmap(nullptr, map_bytes, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (mapping == MAP_FAILED) return CannotUse(path, std::strerror(errno));
  const int chunk_shift = ReadHeader(mapping, file_size);
  // Access beyond the end of the file would be a SIGBUS.
  const uint64_t chunks = chunk_shift < 0 ? 0 : ChunksOf(file_size, chunk_shift);
  if (chunk_shift < 0 || map_bytes - kMapHeaderBytes < BitsBytes(chunks) + chunks) {
    munmap(mapping, map_bytes);
    return CannotUse(path, "it is not the map of a file of " + std::to_string(file_size) + " bytes");
  }
  result->reset(new ChunkMap(path, mapping, map_bytes, chunk_shift, file_size));
  return IOStatus::OK();
}

ChunkMap::ChunkMap(const std::string& path, void* mapping, size_t mapped_bytes, int chunk_shift,
                   uint64_t file_size)
    : path_(path),
      mapping_(mapping),
      mapped_bytes_(mapped_bytes),
      removals_(
          reinterpret_cast<const uint32_t*>(static_cast<const unsigned char*>(mapping) + kMapRemovalsOffset)),
      bits_(static_cast<const unsigned char*>(mapping) + kMapHeaderBytes),
      used_(bits_ + BitsBytes(ChunksOf(file_size, chunk_shift))),
      chunk_shift_(chunk_shift),
      file_size_(file_size) {}

ChunkMap::~ChunkMap() { munmap(mapping_, mapped_bytes_); }

bool ChunkMap::IsMarked(uint64_t begin, uint64_t end) const {
  if (!markable_.load(std::memory_order_relaxed)) return true;
  const uint64_t last = (end - 1) >> chunk_shift_;
  for (uint64_t chunk = begin >> chunk_shift_; chunk <= last; ++chunk) {
    if (__atomic_load_n(used_ + chunk, __ATOMIC_RELAXED) == 0) return false;
  }
  return true;
}

// Uses a plain write: one through the mapping would be a SIGBUS if the disk is full and copies on write.
void ChunkMap::MarkUsed(uint64_t begin, uint64_t end) const {
  const FileDescriptor fd(open(path_.c_str(), O_WRONLY | O_CLOEXEC));
  const uint64_t first = begin >> chunk_shift_;
  const std::string marks(((end - 1) >> chunk_shift_) + 1 - first, 1);
  const auto offset = static_cast<off_t>(used_ + first - static_cast<const unsigned char*>(mapping_));
  if (!fd.valid() || pwrite(fd.get(), marks.data(), marks.size(), offset) < 1) markable_ = false;
}

bool ChunkMap::CoversChunks(uint64_t begin, uint64_t end, uint32_t removals) const {
  if (removals == 0) Advance();
  const uint64_t last = (end - 1) >> chunk_shift_;
  for (uint64_t chunk = begin >> chunk_shift_; chunk <= last; ++chunk) {
    if (!IsPresent(chunk)) return false;
  }
  return true;
}

bool ChunkMap::IsPresent(uint64_t chunk) const {
  // The host sets the bit after it has written the data.
  return (__atomic_load_n(bits_ + chunk / 8, __ATOMIC_ACQUIRE) >> (chunk % 8)) & 1;
}

void ChunkMap::Advance() const {
  const uint64_t known = present_bytes_.load(std::memory_order_relaxed);
  const uint64_t chunks = ChunksOf(file_size_, chunk_shift_);
  uint64_t chunk = known >> chunk_shift_;
  while (chunk < chunks && IsPresent(chunk)) ++chunk;
  // This may set back another thread that has come further: the next read looks again.
  const uint64_t present = std::min(chunk << chunk_shift_, file_size_);
  if (present > known) present_bytes_.store(present, std::memory_order_release);
}

}  // namespace cloudenv
