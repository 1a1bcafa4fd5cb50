// The RocksDB names that the bridge uses. It compiles against 7.8 and newer: each of our classes derives from
// a RocksDB class with defaults for everything that later versions added.
#pragma once

#include <rocksdb/file_system.h>
#include <rocksdb/io_status.h>
#include <rocksdb/slice.h>
#include <rocksdb/status.h>
#include <rocksdb/version.h>

namespace cloudenv {

using rocksdb::DirFsyncOptions;
using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::FSDirectory;
using rocksdb::FSRandomAccessFile;
using rocksdb::FSReadRequest;
using rocksdb::FSSequentialFile;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

// RocksDB found damage in what it just read, and reads it once more. It does so from 9.0 on.
inline bool IsReadAgain([[maybe_unused]] const IOOptions& options) {
#if ROCKSDB_MAJOR >= 9
  return options.verify_and_reconstruct_read;
#else
  return false;
#endif
}

}  // namespace cloudenv
