#include "binding/compaction_healing.h"

namespace cloudenv {

using rocksdb::Status;

Status CompactionHealing::Retry(const std::function<Status()>& compact) {
  while (true) {
    int healed_before;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      healed_before = healed_;
    }
    const Status status = compact();
    if (!status.IsCorruption()) return status;
    std::lock_guard<std::mutex> lock(mutex_);
    if (healed_ == healed_before) return failure_.ok() ? status : failure_;
  }
}

// RocksDB waits for a second, then compacts again. It does so too while the store is unavailable.
void CompactionHealing::OnBackgroundError(rocksdb::BackgroundErrorReason reason, Status* error) {
  if (reason != rocksdb::BackgroundErrorReason::kCompaction || !error->IsCorruption()) return;
  std::lock_guard<std::mutex> lock(mutex_);
  const HealedRead begun = healing_.Begin(std::chrono::steady_clock::now());
  HealedRead& read = damaged_files_.try_emplace(begun.DamagedFile(*error), begun).first->second;
  const bool is_healed = read.TryAgain(error);
  const Status& failure = read.failure();
  failure_ = failure.ok() ? *error : failure;
  if (is_healed) ++healed_;
  if (is_healed || !failure.ok()) *error = Status::OK();
}

void CompactionHealing::OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo& info) {
  if (!info.status.ok()) return;
  std::lock_guard<std::mutex> lock(mutex_);
  failure_ = Status::OK();
}

void CompactionHealing::Forget(const std::string& file_path) {
  std::lock_guard<std::mutex> lock(mutex_);
  damaged_files_.erase(file_path);
}

}  // namespace cloudenv
