// Records which files a RocksDB call cannot open or read, for the versions that do not report them.
#pragma once

#include <rocksdb/io_status.h>

#include <string>

namespace cloudenv {

// Watches its thread as long as it lives. One at a time per thread. RocksDB does all reads of a Get, a
// MultiGet and an iterator on the caller's thread, unless ReadOptions::async_io is set.
class ReadWitness {
 public:
  ReadWitness();
  ~ReadWitness();
  ReadWitness(const ReadWitness&) = delete;
  ReadWitness& operator=(const ReadWitness&) = delete;

  // The first failure, or OK. RocksDB may be able to do without that read, a filter's: it reports nothing
  // about that either.
  const rocksdb::IOStatus& failure() const { return failure_; }

  // For the file system. A table that is not found as NNNNNN.sst may be found as NNNNNN.ldb.
  static void Opened(const std::string& path);
  static void NotOpened(const std::string& path, const rocksdb::IOStatus& status);
  static void NotRead(const rocksdb::IOStatus& status);

 private:
  rocksdb::IOStatus failure_;
  std::string not_opened_;  // What `failure_` is about, if it is about the opening of a file.
};

}  // namespace cloudenv
