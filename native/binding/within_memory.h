// Reads of untrusted files.
#pragma once

#include <rocksdb/status.h>

#include <new>

namespace cloudenv {

// Result of `read`, even if there is no memory for it: a damaged file may name impossible lengths, and
// RocksDB asks for so much memory before it checks the length of the file.
template <typename Read>
rocksdb::Status WithinMemory(const Read& read) {
  try {
    return read();
  } catch (const std::bad_alloc&) {
    return rocksdb::Status::Corruption("there is not so much memory as a file of the database asks for");
  }
}

}  // namespace cloudenv
