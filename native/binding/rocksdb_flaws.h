// Bugs of older RocksDB versions that the binding works around. Newer versions pay nothing: code that depends
// on these constants is not compiled for them.
#pragma once

#include <rocksdb/version.h>

namespace cloudenv {

constexpr int kRocksDBVersion = ROCKSDB_MAJOR * 10000 + ROCKSDB_MINOR * 100 + ROCKSDB_PATCH;

// An iterator that moves on to a table that it cannot open or read skips the table and the rest of its
// level, and reports OK. (SystemRocksDB.cmake refuses the versions whose compactions do so.)
constexpr bool kIteratorsLoseErrors = kRocksDBVersion < 80303;

// If an iterator is made over a level-0 table with range deletions and another that cannot be opened, the
// range deletions are freed twice, and the process ends.
constexpr bool kIteratorsFreeTwice = kRocksDBVersion < 90500;

}  // namespace cloudenv
