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
  if (range_.lower) {
    lower_ = *range_.lower;
    read_options_.iterate_lower_bound = &lower_;
  }
  if (range_.upper) {
    upper_ = *range_.upper;
    read_options_.iterate_upper_bound = &upper_;
  }
  read_options_.fill_cache = fill_cache;
  read_options_.total_order_seek = true;
  // Files that only this iterator kept alive are not deleted by whoever closes it.
  read_options_.background_purge_on_iterator_cleanup = true;
  database_->Add(this);
}

Status Iterator::Read(size_t max_entries, size_t max_bytes, Chunk* chunk) {
  if (!iterator_) {
    const Status status = Open();
    if (!status.ok()) return status;
  }
  while (iterator_->Valid() && chunk->lengths.size() < 2 * max_entries && chunk->bytes.size() < max_bytes) {
    const Slice key = iterator_->key();
    const Slice value = iterator_->value();
    chunk->bytes.append(key.data(), key.size()).append(value.data(), value.size());
    chunk->lengths.push_back(static_cast<uint32_t>(key.size()));
    chunk->lengths.push_back(static_cast<uint32_t>(value.size()));
    if (range_.reverse) {
      iterator_->Prev();
    } else {
      iterator_->Next();
    }
  }
  chunk->finished = !iterator_->Valid();
  return iterator_->status();
}

Status Iterator::Open() {
  if (!family_) return Status::Aborted("the iterator is closed");
  if ((range_.lower || range_.upper) && family_->GetComparator() != rocksdb::BytewiseComparator()) {
    return Status::NotSupported(
        "ranges are for column families in the order of rocksdb's BytewiseComparator");
  }
  read_options_.snapshot = snapshot_->get();
  iterator_.reset(database_->db()->NewIterator(read_options_, family_.get()));
  if (range_.reverse) {
    iterator_->SeekToLast();
  } else {
    iterator_->SeekToFirst();
  }
  return iterator_->status();
}

void Iterator::Release() {
  iterator_.reset();
  family_.reset();
}

}  // namespace cloudenv
