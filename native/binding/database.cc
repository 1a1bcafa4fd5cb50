#include "binding/database.h"

#include <rocksdb/convenience.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "binding/beside_writer.h"
#include "binding/local_file_system.h"
#include "binding/manifest_limit.h"
#include "binding/newer_format.h"
#include "binding/outage_file_system.h"
#include "binding/rocksdb_flaws.h"
#include "binding/witnessed_file_system.h"
#include "bridge/hosted_file_system.h"

namespace cloudenv {

namespace {

using rocksdb::ColumnFamilyDescriptor;
using rocksdb::ColumnFamilyHandle;
using rocksdb::DB;
using rocksdb::DBOptions;
using rocksdb::FileSystem;
using rocksdb::Status;

// RocksDB reports a missing database as IOError or InvalidArgument, depending on the place that finds out.
Status CheckExists(CurrentOnce* current) {
  const Status status = current->Look();
  if (!status.IsNotFound()) return status;
  const char* reason = status.getState();
  return Status::NotFound("there is no database here", reason == nullptr ? "" : reason);
}

// For writing, every existing column family has to be opened; the requested ones may still be missing.
Status Descriptors(const OpenRequest& request, const DBOptions& db_options, bool exists,
                   std::vector<ColumnFamilyDescriptor>* descriptors) {
  std::vector<std::string> existing{rocksdb::kDefaultColumnFamilyName};
  if (exists && !request.only_named_families) {
    const Status status = DB::ListColumnFamilies(db_options, request.path, &existing);
    if (!status.ok()) return status;
  }
  std::map<std::string, rocksdb::ColumnFamilyOptions> families = request.families;
  // RocksDB would find out only after its commit, which takes the database over.
  if (!request.read_only && !db_options.create_missing_column_families) {
    for (const auto& [name, options] : families) {
      if (std::find(existing.begin(), existing.end(), name) == existing.end()) {
        return Status::InvalidArgument("Column family not found", name);
      }
    }
  }
  for (const std::string& name : existing) families.emplace(name, request.family_options);
  for (const auto& [name, options] : families) descriptors->emplace_back(name, options);
  return Status::OK();
}

}  // namespace

Status FileSystemChoice::Connect(const std::string& directory, const std::string& socket_path,
                                 const std::shared_ptr<RetryCoordinator>& retries,
                                 const std::shared_ptr<WalSpill>& spill,
                                 const std::shared_ptr<CompactionOutputs>& compaction_outputs) {
  std::shared_ptr<rocksdb::FileSystem> file_system = std::make_shared<LocalFileSystem>();
  if (!socket_path.empty()) {
    const Status status = ConnectHostedFileSystem(socket_path, &hosted_);
    if (!status.ok()) return status;
    file_system = std::make_shared<OutageFileSystem>(hosted_, retries);
  }
  if constexpr (kIteratorsLoseErrors) file_system = std::make_shared<WitnessedFileSystem>(file_system);
  full_disk_ = std::make_shared<FullDiskFileSystem>(file_system, retries, spill, compaction_outputs);
  current_ = std::make_shared<CurrentOnce>(full_disk_, directory);
  env_ = rocksdb::NewCompositeEnv(current_);
  return Status::OK();
}

Status Database::Open(const OpenRequest& request, std::shared_ptr<Database>* result) {
  std::shared_ptr<Database> database(new Database);
  database->path_ = request.path;
  database->free_space_ = std::make_unique<FreeSpace>(request.path);
  database->family_options_ = request.family_options;
  Status status = database->file_system_.Connect(request.path, request.socket_path, database->retries_,
                                                 database->spill_, database->compaction_outputs_);
  if (!status.ok()) return status;
  database->healing_ = database->file_system_.HealingOf(request.path);
  database->compaction_healing_ = std::make_shared<CompactionHealing>(database->healing_);
  const auto open = [&] { return database->OpenFiles(request); };
  status = request.read_only ? OpenBesideWriter(request.path, open) : open();
  if (!status.ok()) return status;
  database->retries_->Begin(
      [self = database.get()](const ColumnFamilies& families) { return self->FlushNow(families); });
  *result = std::move(database);
  return status;
}

Status Database::OpenFiles(const OpenRequest& request) {
  DBOptions db_options = request.db_options;
  db_options.env = file_system_.env();
  db_options.listeners.push_back(compaction_healing_);
  db_options.listeners.push_back(retries_);
  db_options.listeners.push_back(compaction_outputs_);

  const Status exists = CheckExists(file_system_.current());
  const bool may_be_created = exists.IsNotFound() && db_options.create_if_missing && !request.read_only;
  if (!exists.ok() && !may_be_created) return exists;
  std::vector<ColumnFamilyDescriptor> descriptors;
  Status status = Descriptors(request, db_options, exists.ok(), &descriptors);
  if (!status.ok()) return status;

  if (!request.read_only && exists.ok() && !request.socket_path.empty()) {
    uint64_t& limit = db_options.max_manifest_file_size;
    limit = ManifestLimit(db_options.env, request.path, limit);
  }
  // Otherwise RocksDB would create the directory, which may be on a read-only disk.
  if (request.read_only) db_options.create_if_missing = false;
  DB* db = nullptr;
  std::vector<ColumnFamilyHandle*> handles;
  const auto open = [&] {
    handles.clear();
    const Status opened = request.read_only
                              ? DB::OpenForReadOnly(db_options, request.path, descriptors, &handles, &db)
                              : DB::Open(db_options, request.path, descriptors, &handles, &db);
    file_system_.current()->Forget();
    return opened;
  };
  status = healing_.Read(open, HealedRead::Suspects::kAllFiles);
  if (!status.ok()) return ExplainNewerFormat(status, db_options.env, request.path);
  db_.reset(db);
  // RocksDB refuses to flush one family of a read-only database, but would begin to flush several.
  flushes_atomically_ = db_options.atomic_flush && !request.read_only;
  flushes_wal_manually_ = db_options.manual_wal_flush && !request.read_only;
  for (ColumnFamilyHandle* handle : handles) Own(handle);
  return status;
}

void Database::Own(ColumnFamilyHandle* handle) {
  const auto destroy = [db = db_.get()](ColumnFamilyHandle* owned) {
    db->DestroyColumnFamilyHandle(owned).PermitUncheckedError();
  };
  std::lock_guard<std::mutex> lock(mutex_);
  families_[handle->GetID()] = ColumnFamily(handle, destroy);
}

std::vector<ColumnFamily> Database::families() const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<ColumnFamily> families;
  for (const auto& [id, family] : families_) families.push_back(family);
  return families;
}

ColumnFamily Database::family(uint32_t id) const {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = families_.find(id);
  return found == families_.end() ? nullptr : found->second;
}

Status Database::CreateColumnFamily(const rocksdb::ColumnFamilyOptions& options, const std::string& name,
                                    uint32_t* id) {
  Status status = CheckRoom();
  if (!status.ok()) return status;
  ColumnFamilyHandle* handle = nullptr;
  status = db_->CreateColumnFamily(options, name, &handle);
  if (!status.ok()) return status;
  *id = handle->GetID();
  Own(handle);
  return status;
}

Status Database::DropColumnFamily(uint32_t id) {
  Status status = CheckRoom();
  if (status.ok()) status = db_->DropColumnFamily(family(id).get());
  if (!status.ok()) return status;
  std::lock_guard<std::mutex> lock(mutex_);
  families_.erase(id);
  return status;
}

// RocksDB lets no write in while it waits for room in the MANIFEST for these.
Status Database::CheckRoom() {
  const Status room = DrainSpill();
  return room.ok() ? file_system_.CheckRoom(path_) : room;
}

Status Database::Write(const rocksdb::WriteOptions& options, rocksdb::WriteBatch* batch) {
  if (options.disableWAL) return WriteUnlessFull(options, batch);
  const Status room = DrainSpill();
  if (!room.ok()) return room;
  const Status written = WriteUnlessFull(options, batch);
  return written.ok() ? DrainSpill(options.sync) : written;
}

Status Database::SyncWal() {
  const Status room = DrainSpill();
  return room.ok() ? FlushWal(/*sync=*/true) : room;
}

Status Database::FlushWal(bool sync) {
  const Status flushed = db_->FlushWAL(sync);
  return flushed.ok() ? DrainSpill(sync) : flushed;
}

// RocksDB has synced the log without its spilled part.
Status Database::DrainSpill(bool sync) {
  if (spill_->empty()) return Status::OK();
  const Status status = spill_->Drain();
  return status.ok() && sync ? db_->SyncWAL() : status;
}

// RocksDB stalls a write until a flush has made room in memory, and a flush may wait for room on the disk.
// The write is refused then.
Status Database::WriteUnlessFull(const rocksdb::WriteOptions& options, rocksdb::WriteBatch* batch) {
  constexpr std::chrono::milliseconds kPause(10);
  rocksdb::WriteOptions attempt = options;
  attempt.no_slowdown = free_space_->IsLow();
  while (true) {
    const Status status = db_->Write(attempt, batch);
    if (!status.IsIncomplete() || !attempt.no_slowdown) return status;
    const Status paused = retries_->PauseWrite(kPause);
    if (paused.IsNoSpace()) return paused;
    uint64_t is_stopped = 0;
    // RocksDB handles a write that is only slowed down, or that closing ends.
    attempt.no_slowdown = !paused.IsAborted() &&
                          db_->GetIntProperty("rocksdb.is-write-stopped", &is_stopped) && is_stopped != 0;
  }
}

Status Database::Flush(const std::vector<ColumnFamily>& families, std::chrono::milliseconds timeout,
                       const std::atomic<bool>& written) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  return retries_->Flush(ColumnFamilies(families.begin(), families.end()), written, deadline);
}

Status Database::CompactRange(ColumnFamilyHandle* family, const rocksdb::Slice* start,
                              const rocksdb::Slice* end, bool rewrite) {
  const Status room = DrainSpill();
  if (!room.ok()) return room;
  rocksdb::CompactRangeOptions options;
  if (rewrite) options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  return compaction_healing_->Retry([&] { return db_->CompactRange(options, family, start, end); });
}

// RocksDB begins another log for a flush, and would sync the present one, which must be whole then.
Status Database::FlushNow(const ColumnFamilies& requested) {
  const Status room = DrainSpill();
  if (!room.ok()) return room;
  if (flushes_atomically_) {
    // RocksDB flushes only the named families atomically: a batch with a part in any of the others would be
    // torn.
    const std::vector<ColumnFamily> all = families();
    std::vector<ColumnFamilyHandle*> handles;
    for (const ColumnFamily& family : all) handles.push_back(family.get());
    return db_->Flush(rocksdb::FlushOptions(), handles);
  }
  for (const ColumnFamily& family : requested) {
    const Status status = db_->Flush(rocksdb::FlushOptions(), family.get());
    // A family dropped meanwhile has nothing left to keep.
    if (!status.ok() && !status.IsColumnFamilyDropped()) return status;
  }
  return Status::OK();
}

void Database::Add(Dependent* dependent) {
  std::lock_guard<std::mutex> lock(mutex_);
  dependents_.push_back(dependent);
}

void Database::Remove(Dependent* dependent) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = std::find(dependents_.rbegin(), dependents_.rend(), dependent);
  if (found == dependents_.rend()) return;
  dependents_.erase(std::prev(found.base()));
  dependent->Release();
}

void Database::Interrupt() {
  StopWaiting();
  std::lock_guard<std::mutex> lock(mutex_);
  if (!closing_) rocksdb::CancelAllBackgroundWork(db_.get(), /*wait=*/false);
}

Status Database::Close() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (closing_ || !db_) return Status::OK();
    closing_ = true;
    // Releases an iterator before the snapshot that it reads from.
    for (; !dependents_.empty(); dependents_.pop_back()) dependents_.back()->Release();
  }
  StopWaiting();
  // Nobody waits for this flush any more.
  if (retries_->is_flushing()) rocksdb::CancelAllBackgroundWork(db_.get(), /*wait=*/false);
  retries_->FinishFlushes();
  families_.clear();
  // The part of the log that RocksDB holds back was acknowledged, and Close reports no full disk.
  Status status = flushes_wal_manually_ ? FlushWal(/*sync=*/false) : Status::OK();
  const Status closed = db_->Close();
  if (status.ok()) status = closed;
  db_.reset();
  healing_ = Healing();
  compaction_healing_.reset();
  file_system_ = FileSystemChoice();
  // Its writers know what couldn't be written any more. The directory is free all the same.
  return retries_->has_failed() ? Status::OK() : status;
}

Status ListColumnFamilies(const std::string& path, const std::string& socket_path,
                          std::vector<std::string>* names) {
  FileSystemChoice file_system;
  Status status = file_system.Connect(path, socket_path, std::make_shared<RetryCoordinator>(),
                                      std::make_shared<WalSpill>(), std::make_shared<CompactionOutputs>());
  if (!status.ok()) return status;
  DBOptions options;
  options.env = file_system.env();
  return OpenBesideWriter(path, [&] {
    const Status exists = CheckExists(file_system.current());
    return exists.ok() ? DB::ListColumnFamilies(options, path, names) : exists;
  });
}

}  // namespace cloudenv
