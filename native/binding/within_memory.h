// Reads of files that nobody vouches for.
#pragma once

#include <rocksdb/status.h>

#include <new>

namespace cloudenv {

// What `read` answers, also where there is no memory for it: a damaged file may name lengths that cannot be
// true, and RocksDB asks for so much memory before it looks how long the file is.
template <typename Read>
rocksdb::Status WithinMemory(const Read& read) {
  try {
    return read();
  } catch (const std::bad_alloc&) {
    return rocksdb::Status::Corruption("there is not so much memory as a file of the database asks for");
  }
}

}  // namespace cloudenv
