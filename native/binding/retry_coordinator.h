// Everything of one database that waits for a store, or for room on a disk, that refuses now and may accept
// later: one mutex, one condition, and the thread of the flushes.
//
// RocksDB's own recovery is unreliable: an atomic flush beside it may forget its memtables, and before 8.9,
// closing the database may wait forever for a recovery that closing has ended. So calls of the file system
// are repeated here, where RocksDB does not see them fail. RocksDB still recovers by itself from what fails
// elsewhere, a table that cannot be created for instance; a flush is repeated once it has.
// docs/architecture.md has the retries above and below.
#pragma once

#include <rocksdb/io_status.h>
#include <rocksdb/listener.h>
#include <rocksdb/status.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

namespace rocksdb {
class ColumnFamilyHandle;
}

namespace cloudenv {

using ColumnFamily = std::shared_ptr<rocksdb::ColumnFamilyHandle>;
using ColumnFamilies = std::set<ColumnFamily>;

// Thread-safe.
class RetryCoordinator : public rocksdb::EventListener {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  using FlushNow = std::function<rocksdb::Status(const ColumnFamilies&)>;

  ~RetryCoordinator() override { background_error_.PermitUncheckedError(); }

  const char* Name() const override { return "rocksdb-cloud-env.RetryCoordinator"; }

  // The database is open. Before this, every error is passed on as it is: nobody should wait for a database
  // that does not open.
  void Begin(FlushNow flush_now);
  bool has_begun();

  // Every error is final from now on. Ends the waits, except for flushes under way: FinishFlushes waits for
  // those.
  void Stop();
  // No flush may be requested any more.
  void FinishFlushes();

  // Reports whether it is worth waiting for the end of an error.
  using MayPass = bool (*)(const rocksdb::IOStatus& status);
  static bool IsOutage(const rocksdb::IOStatus& status);
  static bool IsFullDisk(const rocksdb::IOStatus& status) { return status.IsNoSpace(); }

  // Calls `call` until it succeeds or fails permanently. Returns an error that may pass only after Stop, in a
  // form from which RocksDB does not try to recover.
  rocksdb::IOStatus RetryUntilStopped(const std::function<rocksdb::IOStatus()>& call,
                                      MayPass may_pass = IsOutage);

  // The newest error that RetryUntilStopped waits out; OK if there is none.
  rocksdb::IOStatus WaitedOut();

  // Waits for `pause` before RocksDB is asked again to take a write that it would hold up, then returns
  // WaitedOut. Returns NoSpace at once if RocksDB knows that the disk is full, and Aborted after Stop.
  rocksdb::Status PauseWrite(std::chrono::milliseconds pause);

  // Flushes the present content of these families, once `written` has become true, which NotifyWritten
  // announces. Callers that wait for the same thing share a flush. One that fails is repeated if RocksDB
  // recovers from the error. Once the deadline has passed, the flush goes on, and this returns the error that
  // holds it up, or TimedOut if none is known.
  rocksdb::Status Flush(const ColumnFamilies& families, const std::atomic<bool>& written, Deadline deadline);
  void NotifyWritten();

  // Reports whether a flush is under way, or about to begin.
  bool is_flushing();

  // True once an error has ended all writing until the database is opened again.
  bool has_failed();

  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override;
  void OnCompactionCompleted(rocksdb::DB* db, const rocksdb::CompactionJobInfo& info) override;
  void OnErrorRecoveryEnd(const rocksdb::BackgroundErrorRecoveryInfo& info) override;

 private:
  enum class State { kOpening, kOpen, kStopped };
  struct FlushRound;

  // Call these with the mutex held.
  std::shared_ptr<FlushRound> JoinRound(const ColumnFamilies& families);
  rocksdb::Status Obstacle() const;

  void FlushUntilFinished();

  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kOpening;
  std::list<rocksdb::IOStatus> waited_out_;  // The newest last.

  FlushNow flush_now_;
  std::shared_ptr<FlushRound> next_round_;
  bool is_round_under_way_ = false;
  bool is_finishing_ = false;
  std::thread flushes_;

  // RocksDB's own recovery, as far as it is reported.
  rocksdb::Status background_error_;  // The newest one that may still hold writes and flushes up.
  int recoveries_ended_ = 0;
  bool has_failed_ = false;
};

}  // namespace cloudenv
