#include "bridge/local_copy.h"

#include <algorithm>

namespace cloudenv {

namespace {

// The host evicts and refills at will: only reads through read(2) see that correctly. Mapped memory would
// show holes, and vanish while RocksDB still points to it; aligned direct reads would need chunks that nobody
// asked for.
FileOptions ForSparse(FileOptions options) {
  options.use_mmap_reads = false;
  options.use_direct_reads = false;
  return options;
}

}  // namespace

LocalCopy::Lease::Lease(LocalCopy& copy) : copy_(copy), lane_(LaneOfThisThread()) {
  copy_.lanes_[lane_].readers.fetch_add(1);
  is_open_ = copy_.open_.load();
  if (is_open_ && map() != nullptr) removals_ = map()->Removals();
}

LocalCopy::Lease::~Lease() {
  copy_.lanes_[lane_].readers.fetch_sub(1);
  if (copy_.open_.load()) return;
  std::lock_guard<std::mutex> lock(copy_.mutex_);
  copy_.CloseIfUnused();
}

void LocalCopy::Lease::MarkRead(uint64_t begin, uint64_t end, Visit visit) const {
  const bool is_noted = visit == Visit::kFirst || map() == nullptr || map()->IsMarked(begin, end);
  if (!is_noted && !copy_.IsInOrder(begin)) map()->MarkUsed(begin, end);
  Lane& lane = copy_.lanes_[lane_];
  lane.begin.store(begin, std::memory_order_relaxed);
  lane.end.store(end, std::memory_order_relaxed);
}

LocalCopy::LocalCopy(uint64_t file_size, const FileOptions& options, std::function<void(uint32_t)> released)
    : file_size_(file_size), options_(ForSparse(options)), released_(std::move(released)) {}

IOStatus LocalCopy::Adopt(const CopyLocation& location, bool* gone) {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    *gone = evicted_.has_value() && location.generation <= *evicted_;
    if (*gone) return IOStatus::OK();
    if (file_ == nullptr) return Open(location, gone);
    if (open_ && generation_ >= location.generation) {
      if (generation_ > location.generation) released_(location.generation);
      return IOStatus::OK();
    }
    // An older copy, or an evicted one, makes room once its reads are done.
    open_ = false;
    CloseIfUnused();
    closed_.wait(lock, [this] { return file_ == nullptr || open_; });
  }
}

void LocalCopy::Evict(uint32_t generation) {
  std::lock_guard<std::mutex> lock(mutex_);
  evicted_ = std::max(evicted_.value_or(generation), generation);
  if (file_ != nullptr && generation_ == generation) {
    open_ = false;
    CloseIfUnused();
  } else {
    released_(generation);
  }
}

void LocalCopy::Hint(FSRandomAccessFile::AccessPattern pattern) {
  pattern_ = pattern;
  const Lease lease(*this);
  if (lease.file() != nullptr) lease.file()->Hint(pattern);
}

bool LocalCopy::IsInOrder(uint64_t begin) const {
  // One scan may read on several threads.
  return std::any_of(lanes_.begin(), lanes_.end(), [begin](const Lane& lane) {
    return lane.end.load(std::memory_order_relaxed) == begin ||
           lane.begin.load(std::memory_order_relaxed) == begin;
  });
}

size_t LocalCopy::LaneOfThisThread() {
  static std::atomic<size_t> next{0};
  thread_local const size_t lane = next.fetch_add(1, std::memory_order_relaxed) % kLanes;
  return lane;
}

bool LocalCopy::HasReaders() const {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.readers.load() > 0; });
}

// Call this with the mutex held and the copy not open: no new reader gets in.
void LocalCopy::CloseIfUnused() {
  if (open_ || file_ == nullptr || HasReaders()) return;
  file_.reset();
  map_.reset();
  released_(generation_);
  closed_.notify_all();
}

// Call this with the mutex held.
IOStatus LocalCopy::Open(const CopyLocation& location, bool* gone) {
  IOStatus status = FileSystem::Default()->NewRandomAccessFile(location.path, options_, &file_, nullptr);
  if (status.ok() && !location.chunk_map_path.empty()) {
    status = ChunkMap::Open(location.chunk_map_path, file_size_, &map_);
  }
  if (status.ok()) {
    generation_ = location.generation;
    if (pattern_ != FSRandomAccessFile::kNormal) file_->Hint(pattern_);
    open_ = true;
    return status;
  }
  file_.reset();
  released_(location.generation);
  *gone = status.IsNotFound() || status.IsPathNotFound();
  return *gone ? IOStatus::OK() : status;
}

}  // namespace cloudenv
