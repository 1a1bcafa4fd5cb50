// Flushes of one database, on a thread of their own: a flush may outlast the patience of who asked for it.
#pragma once

#include <rocksdb/status.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "binding/patience.h"

namespace rocksdb {
class ColumnFamilyHandle;
}

namespace cloudenv {

using ColumnFamily = std::shared_ptr<rocksdb::ColumnFamilyHandle>;
using ColumnFamilies = std::set<ColumnFamily>;

// Thread-safe.
class Flusher {
 public:
  // What `flush` fails with is told to everybody who waits for it.
  Flusher(std::function<rocksdb::Status(const ColumnFamilies&)> flush, std::shared_ptr<Patience> patience)
      : flush_(std::move(flush)), patience_(std::move(patience)) {}
  ~Flusher() { Stop(); }

  // Flushes what is in these families now. Those who wait for the same thing are served together. Once the
  // deadline has passed, an error that is being waited out is returned; the flush goes on then.
  rocksdb::Status Flush(const ColumnFamilies& families, Patience::Deadline deadline);

  // Whether a flush is under way, or will be.
  bool busy();

  // Waits for the flush that is under way. No other may be asked for any more.
  void Stop();

 private:
  struct Round;

  void Run();

  const std::function<rocksdb::Status(const ColumnFamilies&)> flush_;
  const std::shared_ptr<Patience> patience_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<Round> next_;
  bool at_work_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace cloudenv
