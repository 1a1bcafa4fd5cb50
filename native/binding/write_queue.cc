#include "binding/write_queue.h"

#include <mutex>
#include <utility>

#include "binding/promise.h"

namespace cloudenv {

using rocksdb::Status;
using rocksdb::WriteBatch;

namespace {

// RocksDB's own limit for writes in one group (max_write_batch_group_size_bytes).
constexpr size_t kMaxGroupBytes = 1 << 20;

}  // namespace

struct WriteQueue::Group {
  WriteMode mode;
  Napi::ObjectReference promise;  // JavaScript thread only.

  std::mutex mutex;
  bool begun = false;
  WriteBatch batch;

  Status Write(Database* database) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      begun = true;
    }
    rocksdb::WriteOptions options;
    options.sync = mode.sync;
    options.disableWAL = mode.disable_wal;
    const Status status = database->Write(options, &batch);
    batch = WriteBatch();  // The queue keeps its last group, which need not keep its memory.
    return status;
  }
};

Napi::Value WriteQueue::Write(Napi::Env env, const WriteMode& mode, const std::string& action,
                              const std::function<void(WriteBatch*)>& append,
                              const std::function<std::shared_ptr<void>()>& use) {
  if (last_group_ && Join(mode, append)) return last_group_->promise.Value();

  auto group = std::make_shared<Group>();
  group->mode = mode;
  append(&group->batch);
  const Napi::Value promise = Start(
      env, strand_.get(), action, [group, database = database_.get()] { return group->Write(database); },
      use());
  if (promise.IsEmpty()) return promise;
  group->promise = Napi::Persistent(promise.As<Napi::Object>());
  last_group_ = std::move(group);
  return promise;
}

bool WriteQueue::Join(const WriteMode& mode, const std::function<void(WriteBatch*)>& append) {
  std::lock_guard<std::mutex> lock(last_group_->mutex);
  if (last_group_->begun || !(last_group_->mode == mode)) return false;
  if (last_group_->batch.GetDataSize() >= kMaxGroupBytes) return false;
  append(&last_group_->batch);
  return true;
}

}  // namespace cloudenv
