// How far a MANIFEST may grow, for large databases.
#pragma once

#include <rocksdb/env.h>

#include <cstdint>
#include <string>

namespace cloudenv {

// Size at which RocksDB is to begin a new MANIFEST, for a database that is about to be opened for writing.
//
// A MANIFEST begins with every file of the database. Where that alone takes more than the limit, RocksDB
// begins a new MANIFEST with each edit, and on a cloud Env each commit also puts the former one aside: three
// times the bytes, and an object that stays. So a large MANIFEST may grow by a quarter; a lower limit is kept
// for small ones.
uint64_t ManifestLimit(rocksdb::Env* env, const std::string& directory, uint64_t limit);

}  // namespace cloudenv
