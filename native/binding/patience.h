// What a store refuses now it may take later. RocksDB's own recovery from that cannot be relied upon: an
// atomic flush that ran beside it may forget its memtables, and before 8.9 closing the database may wait
// forever for a recovery that closing has ended. So RocksDB is not told: the call goes on until it succeeds,
// and whoever waits for it learns here why that takes so long.
#pragma once

#include <rocksdb/io_status.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>

namespace cloudenv {

// Thread-safe.
class Patience {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  // Before, every error is passed on as it is: nobody is to wait for a database that does not open.
  void Begin();

  // Every error is final from now on. Ends the waits.
  void Stop();

  // Calls `call` until it succeeds or fails for good. An error that may pass is returned after Stop only, and
  // as one from which RocksDB does not try to recover.
  rocksdb::IOStatus Persist(const std::function<rocksdb::IOStatus()>& call);

  // Waits until `done`, which is asked again after each Notify. Once the deadline has passed an error that is
  // being waited out ends the wait: it is returned.
  rocksdb::IOStatus Await(const std::function<bool()>& done, Deadline deadline);
  void Notify();

 private:
  enum class State { kNotYet, kPersisting, kStopped };

  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kNotYet;
  std::list<rocksdb::IOStatus> waited_out_;  // The newest last.
};

}  // namespace cloudenv
