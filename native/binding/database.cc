#include "binding/database.h"

#include <rocksdb/convenience.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "binding/patient_file_system.h"
#include "bridge/cloud_file_system.h"

namespace cloudenv {

namespace {

using rocksdb::ColumnFamilyDescriptor;
using rocksdb::ColumnFamilyHandle;
using rocksdb::DB;
using rocksdb::DBOptions;
using rocksdb::Env;
using rocksdb::Status;

// RocksDB calls a missing database an IOError or an InvalidArgument, depending on who stumbles over it.
Status CheckExists(Env* env, const std::string& path) {
  const Status status = env->FileExists(path + "/CURRENT");
  if (!status.IsNotFound()) return Status::OK();
  const char* reason = status.getState();
  return Status::NotFound("there is no database here", reason == nullptr ? "" : reason);
}

// Every column family that is there has to be opened, for writing; those that are asked for may be missing
// yet.
Status Descriptors(const OpenRequest& request, const DBOptions& db_options, bool exists,
                   std::vector<ColumnFamilyDescriptor>* descriptors) {
  std::vector<std::string> existing{rocksdb::kDefaultColumnFamilyName};
  if (exists && !request.only_named_families) {
    const Status status = DB::ListColumnFamilies(db_options, request.path, &existing);
    if (!status.ok()) return status;
  }
  std::map<std::string, rocksdb::ColumnFamilyOptions> families = request.families;
  for (const std::string& name : existing) families.emplace(name, request.family_options);
  for (const auto& [name, options] : families) descriptors->emplace_back(name, options);
  return Status::OK();
}

}  // namespace

Status FileSystemChoice::Connect(const std::string& socket_path, const std::shared_ptr<Patience>& patience) {
  if (socket_path.empty()) return Status::OK();
  std::shared_ptr<rocksdb::FileSystem> file_system;
  const Status status = ConnectCloudFileSystem(socket_path, &file_system);
  if (!status.ok()) return status;
  env_ = rocksdb::NewCompositeEnv(std::make_shared<PatientFileSystem>(file_system, patience));
  return status;
}

Status Database::Open(const OpenRequest& request, std::shared_ptr<Database>* result) {
  std::shared_ptr<Database> database(new Database);
  database->path_ = request.path;
  database->family_options_ = request.family_options;
  Status status = database->file_system_.Connect(request.socket_path, database->patience_);
  if (!status.ok()) return status;

  DBOptions db_options = request.db_options;
  db_options.env = database->file_system_.env();
  db_options.listeners.push_back(database->recovery_);

  const Status exists = CheckExists(db_options.env, request.path);
  if (!exists.ok() && (request.read_only || !db_options.create_if_missing)) return exists;
  std::vector<ColumnFamilyDescriptor> descriptors;
  status = Descriptors(request, db_options, exists.ok(), &descriptors);
  if (!status.ok()) return status;

  DB* db = nullptr;
  std::vector<ColumnFamilyHandle*> handles;
  status = request.read_only ? DB::OpenForReadOnly(db_options, request.path, descriptors, &handles, &db)
                             : DB::Open(db_options, request.path, descriptors, &handles, &db);
  if (!status.ok()) return status;
  database->db_.reset(db);
  // RocksDB refuses to flush a family of a database that is read-only, but would begin to flush several.
  database->flushes_atomically_ = db_options.atomic_flush && !request.read_only;
  for (ColumnFamilyHandle* handle : handles) database->Own(handle);
  database->patience_->Begin();
  *result = std::move(database);
  return Status::OK();
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
  ColumnFamilyHandle* handle = nullptr;
  const Status status = db_->CreateColumnFamily(options, name, &handle);
  if (!status.ok()) return status;
  *id = handle->GetID();
  Own(handle);
  return status;
}

Status Database::DropColumnFamily(uint32_t id) {
  const Status status = db_->DropColumnFamily(family(id).get());
  if (!status.ok()) return status;
  std::lock_guard<std::mutex> lock(mutex_);
  families_.erase(id);
  return status;
}

Status Database::Flush(const std::vector<ColumnFamily>& families, std::chrono::milliseconds timeout,
                       const std::atomic<bool>& written) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  // Writes wait too, where memory is full of what cannot be flushed.
  const Status waited_out = patience_->Await([&] { return written.load(); }, deadline);
  if (!waited_out.ok()) return waited_out;
  return recovery_->Retry(
      [&] {
        // RocksDB flushes those atomically that are named: a batch that one of the others has a part in is
        // torn.
        const std::vector<ColumnFamily> chosen = flushes_atomically_ ? this->families() : families;
        return flusher_.Flush(ColumnFamilies(chosen.begin(), chosen.end()), deadline);
      },
      timeout);
}

Status Database::FlushNow(const ColumnFamilies& families) {
  if (flushes_atomically_) {
    std::vector<ColumnFamilyHandle*> handles;
    for (const ColumnFamily& family : families) handles.push_back(family.get());
    return db_->Flush(rocksdb::FlushOptions(), handles);
  }
  for (const ColumnFamily& family : families) {
    const Status status = db_->Flush(rocksdb::FlushOptions(), family.get());
    // One that was dropped meanwhile has nothing left to be kept.
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

void Database::StopWaiting() {
  recovery_->Stop();
  patience_->Stop();
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
    // An iterator before the snapshot that it reads from.
    for (; !dependents_.empty(); dependents_.pop_back()) dependents_.back()->Release();
  }
  StopWaiting();
  // One that nobody waits for any more.
  if (flusher_.busy()) rocksdb::CancelAllBackgroundWork(db_.get(), /*wait=*/false);
  flusher_.Stop();
  families_.clear();
  const Status status = db_->Close();
  db_.reset();
  file_system_ = FileSystemChoice();
  // What couldn't be written any more was told to whoever wrote it. The directory is free all the same.
  return recovery_->has_failed() ? Status::OK() : status;
}

Status ListColumnFamilies(const std::string& path, const std::string& socket_path,
                          std::vector<std::string>* names) {
  FileSystemChoice file_system;
  Status status = file_system.Connect(socket_path, std::make_shared<Patience>());
  if (!status.ok()) return status;
  status = CheckExists(file_system.env(), path);
  if (!status.ok()) return status;
  DBOptions options;
  options.env = file_system.env();
  return DB::ListColumnFamilies(options, path, names);
}

}  // namespace cloudenv
