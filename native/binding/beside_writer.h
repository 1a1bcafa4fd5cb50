// Opens a database while another process writes to it.
#pragma once

#include <rocksdb/status.h>

#include <functional>
#include <string>

namespace cloudenv {

// Calls `open` again as long as it fails and files have gone from the local directory while it ran: RocksDB
// reads the MANIFEST and the list of write-ahead logs first, and opens files later that a writer may have
// removed in between.
rocksdb::Status OpenBesideWriter(const std::string& path, const std::function<rocksdb::Status()>& open);

}  // namespace cloudenv
