// Goes through the entries of a column family in one direction, and fails if a table cannot be read, which
// the iterators of older RocksDB versions do not (see rocksdb_flaws.h).
//
// For these versions, a second iterator goes ahead: the guard. It ignores range deletions, without which
// RocksDB makes no such mistakes, so it has all the entries of the first iterator, and those deleted as a
// range. It meets every damaged or missing table first, and reports it.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/iterator.h>
#include <rocksdb/options.h>

#include <memory>

namespace cloudenv {

enum class Direction { kForward, kReverse };

class Scan {
 public:
  // The options need a snapshot, and everything that they point to has to outlive the scan.
  Scan(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family, const rocksdb::ReadOptions& options,
       Direction direction)
      : db_(db), family_(family), options_(options), direction_(direction) {}
  ~Scan() { failure_.PermitUncheckedError(); }

  // Call this once, before anything else.
  void Start();
  bool Valid() const { return failure_.ok() && entries_->Valid(); }
  rocksdb::Slice key() const { return entries_->key(); }
  rocksdb::Slice value() const { return entries_->value(); }
  // Moves to the next entry in this direction. Only if Valid().
  void Next();
  rocksdb::Status status() const { return failure_.ok() ? entries_->status() : failure_; }

 private:
  std::unique_ptr<rocksdb::Iterator> NewIterator(const rocksdb::ReadOptions& options) const;
  void ToStart(rocksdb::Iterator* iterator) const;
  void Seek(rocksdb::Iterator* iterator, const rocksdb::Slice& key) const;
  void Step(rocksdb::Iterator* iterator) const;

  void StartGuard();
  bool StepGuard();
  void CompareWithGuard();
  bool IsGuardBehind() const;
  template <typename Work>
  void Watch(const Work& work);

  rocksdb::DB* const db_;
  rocksdb::ColumnFamilyHandle* const family_;
  const rocksdb::ReadOptions options_;
  const Direction direction_;
  std::unique_ptr<rocksdb::Iterator> guard_;
  std::unique_ptr<rocksdb::Iterator> entries_;
  rocksdb::Status failure_;  // That entries_ does not know of. The last word.
};

}  // namespace cloudenv
