// Errors about tables that a newer RocksDB wrote.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/status.h>

#include <string>

namespace cloudenv {

// RocksDB calls such a table corrupt, and names no file or the MANIFEST. This says instead which table of the
// directory it is, and what can read it. Returns any other status as it is.
rocksdb::Status ExplainNewerFormat(const rocksdb::Status& status, rocksdb::Env* env,
                                   const std::string& directory);

// The same without a search for the table.
rocksdb::Status ExplainNewerFormat(const rocksdb::Status& status);

}  // namespace cloudenv
