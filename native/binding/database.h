// An open RocksDB database with everything that has to outlive it. Knows nothing of JavaScript.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "binding/compaction_healing.h"
#include "binding/compaction_outputs.h"
#include "binding/current_once.h"
#include "binding/free_space.h"
#include "binding/full_disk_file_system.h"
#include "binding/healing.h"
#include "binding/retry_coordinator.h"
#include "binding/wal_spill.h"

namespace cloudenv {

// The file system of an Env host, or the local one.
class FileSystemChoice {
 public:
  // An empty socket path stands for the local file system.
  rocksdb::Status Connect(const std::string& directory, const std::string& socket_path,
                          const std::shared_ptr<RetryCoordinator>& retries,
                          const std::shared_ptr<WalSpill>& spill,
                          const std::shared_ptr<CompactionOutputs>& compaction_outputs);
  rocksdb::Env* env() const { return env_.get(); }
  rocksdb::Status CheckRoom(const std::string& directory) const { return full_disk_->CheckRoom(directory); }
  CurrentOnce* current() const { return current_.get(); }
  // Heals reads in `directory`.
  Healing HealingOf(const std::string& directory) const { return Healing(hosted_, directory); }

 private:
  std::shared_ptr<HostedFileSystem> hosted_;
  std::shared_ptr<FullDiskFileSystem> full_disk_;
  std::shared_ptr<CurrentOnce> current_;
  std::unique_ptr<rocksdb::Env> env_;
};

struct OpenRequest {
  std::string path;
  std::string socket_path;
  bool read_only = false;
  rocksdb::DBOptions db_options;
  // Options of the default column family, and of every existing one that is not named below.
  rocksdb::ColumnFamilyOptions family_options;
  std::map<std::string, rocksdb::ColumnFamilyOptions> families;
  // Opens no others except the default one. RocksDB allows that only for a read-only database.
  bool only_named_families = false;
};

// Something that RocksDB wants released before the database closes.
class Dependent {
 public:
  virtual ~Dependent() = default;
  virtual void Release() = 0;
};

// Thread-safe. Once Close is called, only Interrupt may still be under way, and nothing else may follow.
class Database {
 public:
  static rocksdb::Status Open(const OpenRequest& request, std::shared_ptr<Database>* result);
  ~Database() { Close().PermitUncheckedError(); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  rocksdb::DB* db() const { return db_.get(); }
  const std::string& path() const { return path_; }
  // Reads of tables go through this.
  const Healing& healing() const { return healing_; }

  // Options that a new column family starts from.
  const rocksdb::ColumnFamilyOptions& family_options() const { return family_options_; }
  std::vector<ColumnFamily> families() const;
  // The family with RocksDB's own number `id`; null if there is none, or no longer one.
  ColumnFamily family(uint32_t id) const;
  // Both fail with NoSpace if the disk is full.
  rocksdb::Status CreateColumnFamily(const rocksdb::ColumnFamilyOptions& options, const std::string& name,
                                     uint32_t* id);
  rocksdb::Status DropColumnFamily(uint32_t id);

  // NoSpace if the disk is full, until it has room for everything still owed to the write-ahead log.
  rocksdb::Status Write(const rocksdb::WriteOptions& options, rocksdb::WriteBatch* batch);

  rocksdb::Status SyncWal();

  // Flushes these families, or all if they are flushed atomically, once `written` has become true, which
  // NotifyWritten announces. Waits no longer than this; the flush goes on then.
  rocksdb::Status Flush(const std::vector<ColumnFamily>& families, std::chrono::milliseconds timeout,
                        const std::atomic<bool>& written);
  rocksdb::Status CompactRange(rocksdb::ColumnFamilyHandle* family, const rocksdb::Slice* start,
                               const rocksdb::Slice* end, bool rewrite = false);
  void NotifyWritten() { retries_->NotifyWritten(); }

  void Add(Dependent* dependent);
  void Remove(Dependent* dependent);

  // From now on, everything that waits for an error to pass fails with it. Call this before Close if anything
  // is still under way.
  void StopWaiting() { retries_->Stop(); }
  // Makes flushes and compactions under way return early.
  void Interrupt();
  rocksdb::Status Close();

 private:
  Database() = default;
  rocksdb::Status OpenFiles(const OpenRequest& request);
  rocksdb::Status DrainSpill(bool sync = false);
  rocksdb::Status CheckRoom();
  rocksdb::Status FlushWal(bool sync);
  rocksdb::Status WriteUnlessFull(const rocksdb::WriteOptions& options, rocksdb::WriteBatch* batch);
  rocksdb::Status FlushNow(const ColumnFamilies& requested);
  void Own(rocksdb::ColumnFamilyHandle* handle);

  std::string path_;
  rocksdb::ColumnFamilyOptions family_options_;
  FileSystemChoice file_system_;
  Healing healing_;
  std::shared_ptr<RetryCoordinator> retries_ = std::make_shared<RetryCoordinator>();
  std::shared_ptr<CompactionHealing> compaction_healing_;
  std::shared_ptr<WalSpill> spill_ = std::make_shared<WalSpill>();
  std::shared_ptr<CompactionOutputs> compaction_outputs_ = std::make_shared<CompactionOutputs>();
  std::unique_ptr<FreeSpace> free_space_;
  std::unique_ptr<rocksdb::DB> db_;
  bool flushes_atomically_ = false;
  bool flushes_wal_manually_ = false;
  mutable std::mutex mutex_;
  std::map<uint32_t, ColumnFamily> families_;
  std::vector<Dependent*> dependents_;  // In the order in which they came.
  bool closing_ = false;
};

rocksdb::Status ListColumnFamilies(const std::string& path, const std::string& socket_path,
                                   std::vector<std::string>* names);

}  // namespace cloudenv
