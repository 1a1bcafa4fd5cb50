#include "binding/scan.h"

#include <rocksdb/comparator.h>

#include "binding/read_witness.h"
#include "binding/rocksdb_flaws.h"

namespace cloudenv {

using rocksdb::ReadOptions;
using rocksdb::Slice;
using rocksdb::Status;

namespace {

// Steps that the guard walks through a deleted range, a millisecond of work, before it leaps over the rest:
// there may be gigabytes of it.
constexpr int kMaxDeletedSteps = 4096;

}  // namespace

void Scan::Start() {
  if constexpr (kIteratorsFreeTwice) {
    StartGuard();
    if (!failure_.ok()) return;
  }
  const auto start = [this] {
    entries_ = NewIterator(options_);
    ToStart(entries_.get());
  };
  if constexpr (kIteratorsLoseErrors) {
    Watch(start);
    CompareWithGuard();
  } else {
    start();
    guard_.reset();
  }
}

void Scan::Next() {
  if constexpr (kIteratorsLoseErrors) {
    if (!StepGuard()) return;
    Watch([this] { Step(entries_.get()); });
    CompareWithGuard();
  } else {
    Step(entries_.get());
  }
}

// It opens every table of level 0 and keeps it open: the next iterator will not have to.
void Scan::StartGuard() {
  ReadOptions options = options_;
  options.ignore_range_deletions = true;
  guard_ = NewIterator(options);
  ToStart(guard_.get());
  failure_ = guard_->status();
}

bool Scan::StepGuard() {
  if (guard_->Valid()) Step(guard_.get());
  if (!guard_->Valid()) failure_ = guard_->status();
  return failure_.ok();
}

// If the guard has entries before the next one, they were deleted as a range, or got lost. A seek to the
// first of them tells: the iterator then looks into every level anew.
void Scan::CompareWithGuard() {
  if (!failure_.ok() || !IsGuardBehind()) return;
  Watch([this] { Seek(entries_.get(), guard_->key()); });
  for (int steps = 0; failure_.ok() && IsGuardBehind() && steps < kMaxDeletedSteps; ++steps) StepGuard();
  if (!failure_.ok() || !IsGuardBehind() || !entries_->Valid()) return;
  Seek(guard_.get(), entries_->key());
  failure_ = guard_->status();
}

bool Scan::IsGuardBehind() const {
  if (!guard_->Valid()) return false;
  if (!entries_->Valid()) return entries_->status().ok();
  if (guard_->key() == entries_->key()) return false;
  const int order = family_->GetComparator()->Compare(guard_->key(), entries_->key());
  return direction_ == Direction::kForward ? order < 0 : order > 0;
}

template <typename Work>
void Scan::Watch(const Work& work) {
  const ReadWitness witness;
  work();
  failure_ = witness.failure();
}

std::unique_ptr<rocksdb::Iterator> Scan::NewIterator(const ReadOptions& options) const {
  return std::unique_ptr<rocksdb::Iterator>(db_->NewIterator(options, family_));
}

void Scan::ToStart(rocksdb::Iterator* iterator) const {
  if (direction_ == Direction::kForward) {
    iterator->SeekToFirst();
  } else {
    iterator->SeekToLast();
  }
}

void Scan::Seek(rocksdb::Iterator* iterator, const Slice& key) const {
  if (direction_ == Direction::kForward) {
    iterator->Seek(key);
  } else {
    iterator->SeekForPrev(key);
  }
}

void Scan::Step(rocksdb::Iterator* iterator) const {
  if (direction_ == Direction::kForward) {
    iterator->Next();
  } else {
    iterator->Prev();
  }
}

}  // namespace cloudenv
