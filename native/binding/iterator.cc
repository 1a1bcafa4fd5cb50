#include "binding/iterator.h"

#include <rocksdb/comparator.h>

#include <utility>

namespace cloudenv {

using rocksdb::Slice;
using rocksdb::Status;

Iterator::Iterator(std::shared_ptr<Database> database, ColumnFamily family,
                   std::shared_ptr<Snapshot> snapshot, IteratorRange range, bool fill_cache)
    : database_(std::move(database)),
      family_(std::move(family)),
      snapshot_(std::move(snapshot)),
      range_(std::move(range)) {
  ResumeAfter(std::nullopt);
  read_options_.fill_cache = fill_cache;
  read_options_.total_order_seek = true;
  // The closing thread does not delete files that only this iterator kept alive.
  read_options_.background_purge_on_iterator_cleanup = true;
  database_->Add(this);
}

Status Iterator::Read(size_t max_entries, size_t max_bytes, Chunk* chunk) {
  bool is_again = false;
  const Status status = database_->healing().Read([&] {
    if (std::exchange(is_again, true)) {
      ResumeAfter(chunk->lengths.empty() ? last_key_ : chunk->LastKey().ToString());
    }
    return ReadOn(max_entries, max_bytes, chunk);
  });
  if (!status.ok()) {
    // Nobody gets this chunk: the next read begins where this one did.
    ResumeAfter(last_key_);
  } else if (!chunk->lengths.empty()) {
    last_key_ = chunk->LastKey().ToString();
  }
  return status;
}

// An iterator that met damage never looks at the same place again.
void Iterator::ResumeAfter(std::optional<std::string> key) {
  scan_.reset();  // Its bounds point to the previous key.
  resume_after_ = std::move(key);
  const auto& lower = resume_after_ && !range_.reverse ? resume_after_ : range_.lower;
  const auto& upper = resume_after_ && range_.reverse ? resume_after_ : range_.upper;
  lower_ = lower ? Slice(*lower) : Slice();
  upper_ = upper ? Slice(*upper) : Slice();
  read_options_.iterate_lower_bound = lower ? &lower_ : nullptr;
  read_options_.iterate_upper_bound = upper ? &upper_ : nullptr;
}

Status Iterator::ReadOn(size_t max_entries, size_t max_bytes, Chunk* chunk) {
  if (!scan_) {
    const Status status = Open();
    if (!status.ok()) return status;
  }
  while (scan_->Valid() && chunk->lengths.size() < 2 * max_entries && chunk->bytes.size() < max_bytes) {
    const Slice key = scan_->key();
    const Slice value = scan_->value();
    chunk->bytes.append(key.data(), key.size()).append(value.data(), value.size());
    chunk->lengths.push_back(static_cast<uint32_t>(key.size()));
    chunk->lengths.push_back(static_cast<uint32_t>(value.size()));
    scan_->Next();
  }
  chunk->finished = !scan_->Valid();
  return scan_->status();
}

Status Iterator::Open() {
  if (!family_) return Status::Aborted("the iterator is closed");
  if ((range_.lower || range_.upper) && family_->GetComparator() != rocksdb::BytewiseComparator()) {
    return Status::NotSupported(
        "ranges are for column families in the order of rocksdb's BytewiseComparator");
  }
  read_options_.snapshot = snapshot_->get();
  scan_ = std::make_unique<Scan>(database_->db(), family_.get(), read_options_,
                                 range_.reverse ? Direction::kReverse : Direction::kForward);
  scan_->Start();
  // The bound includes the key itself.
  if (!range_.reverse && resume_after_ && scan_->Valid() && scan_->key() == *resume_after_) scan_->Next();
  return scan_->status();
}

Slice Chunk::LastKey() const {
  const size_t key_length = lengths[lengths.size() - 2];
  return Slice(bytes.data() + bytes.size() - lengths.back() - key_length, key_length);
}

void Iterator::Release() {
  scan_.reset();
  family_.reset();
}

}  // namespace cloudenv
