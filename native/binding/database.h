// An open RocksDB database with all that has to outlive it. Knows nothing of JavaScript.
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

#include "binding/error_recovery.h"
#include "binding/flusher.h"
#include "binding/patience.h"

namespace cloudenv {

// The file system of an Env host, or the local one.
class FileSystemChoice {
 public:
  // An empty path stands for the local file system.
  rocksdb::Status Connect(const std::string& socket_path, const std::shared_ptr<Patience>& patience);
  rocksdb::Env* env() const { return env_ ? env_.get() : rocksdb::Env::Default(); }

 private:
  std::unique_ptr<rocksdb::Env> env_;
};

struct OpenRequest {
  std::string path;
  std::string socket_path;
  bool read_only = false;
  rocksdb::DBOptions db_options;
  // Of the default column family, and of every existing one that is not named below.
  rocksdb::ColumnFamilyOptions family_options;
  std::map<std::string, rocksdb::ColumnFamilyOptions> families;
  // No others but the default one. RocksDB takes that of a database that is read-only alone.
  bool only_named_families = false;
};

// Something that RocksDB wants released before the database closes.
class Dependent {
 public:
  virtual ~Dependent() = default;
  virtual void Release() = 0;
};

// Thread-safe. Once Close is called nothing but Interrupt may be under way, and nothing else may follow.
class Database {
 public:
  static rocksdb::Status Open(const OpenRequest& request, std::shared_ptr<Database>* result);
  ~Database() { Close().PermitUncheckedError(); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  rocksdb::DB* db() const { return db_.get(); }
  const std::string& path() const { return path_; }

  // What a new column family starts from.
  const rocksdb::ColumnFamilyOptions& family_options() const { return family_options_; }
  std::vector<ColumnFamily> families() const;
  // By RocksDB's own number; null when there is none, or none any more.
  ColumnFamily family(uint32_t id) const;
  rocksdb::Status CreateColumnFamily(const rocksdb::ColumnFamilyOptions& options, const std::string& name,
                                     uint32_t* id);
  rocksdb::Status DropColumnFamily(uint32_t id);

  // These families, or all where they are flushed atomically, once `written` has become true, which
  // NotifyFlush tells. An error that may pass is waited out for so long.
  rocksdb::Status Flush(const std::vector<ColumnFamily>& families, std::chrono::milliseconds timeout,
                        const std::atomic<bool>& written);
  void NotifyFlush() { patience_->Notify(); }

  void Add(Dependent* dependent);
  void Remove(Dependent* dependent);

  // Whatever waits for an error to pass fails with it from now on. To be called before Close where anything
  // is still under way.
  void StopWaiting();
  // Makes flushes and compactions under way return early.
  void Interrupt();
  rocksdb::Status Close();

 private:
  Database() = default;
  rocksdb::Status FlushNow(const ColumnFamilies& families);
  void Own(rocksdb::ColumnFamilyHandle* handle);

  std::string path_;
  rocksdb::ColumnFamilyOptions family_options_;
  FileSystemChoice file_system_;
  std::shared_ptr<Patience> patience_ = std::make_shared<Patience>();
  std::shared_ptr<ErrorRecovery> recovery_ = std::make_shared<ErrorRecovery>();
  std::unique_ptr<rocksdb::DB> db_;
  bool flushes_atomically_ = false;
  Flusher flusher_{[this](const ColumnFamilies& families) { return FlushNow(families); }, patience_};
  mutable std::mutex mutex_;
  std::map<uint32_t, ColumnFamily> families_;
  std::vector<Dependent*> dependents_;  // In the order in which they came.
  bool closing_ = false;
};

rocksdb::Status ListColumnFamilies(const std::string& path, const std::string& socket_path,
                                   std::vector<std::string>* names);

}  // namespace cloudenv
