// Reads of a database object by key: get, getSync and getMany.
#include <rocksdb/db.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "binding/addon.h"
#include "binding/bytes.h"
#include "binding/database_object.h"
#include "binding/promise.h"
#include "binding/snapshot_object.h"
#include "binding/within_memory.h"

namespace cloudenv {

namespace {

using rocksdb::PinnableSlice;
using rocksdb::ReadOptions;
using rocksdb::Slice;
using rocksdb::Status;

// A remote table costs one wait per key, and a few keys share each thread's turn.
constexpr size_t kMaxGetManyPieces = 16;

Encoding EncodingOf(const Napi::Value& utf8) {
  return utf8.As<Napi::Boolean>() ? Encoding::kUtf8 : Encoding::kBuffer;
}

struct Lookup {
  Status status;
  PinnableSlice value;
};

Napi::Value FoundToJs(Napi::Env env, const Status& status, const Slice& value, Encoding encoding) {
  return status.IsNotFound() ? env.Undefined() : ToJs(env, value, encoding);
}

Status FoundOrNot(const Status& status) { return status.IsNotFound() ? Status::OK() : status; }

}  // namespace

// Arguments of the reads: (family, key or keys, utf8, fillCache, snapshot?)
struct DatabaseObject::Reading {
  ColumnFamily family;
  Encoding encoding;
  ReadOptions options;
  std::shared_ptr<Snapshot> snapshot;  // Held for as long as `options` point to it.

  Reading(const DatabaseObject& database, const Napi::CallbackInfo& info)
      : family(database.FamilyOf(info[0])),
        encoding(EncodingOf(info[2])),
        snapshot(SnapshotObject::Of(info[4])) {
    options.fill_cache = info[3].As<Napi::Boolean>();
    if (snapshot) options.snapshot = snapshot->get();
  }
};

Status DatabaseObject::ReadValue(const Database& database, const Reading& reading, const Slice& key,
                                 PinnableSlice* value) {
  return database.healing().Read([&] {
    value->Reset();
    return WithinMemory(
        [&] { return database.db()->Get(reading.options, reading.family.get(), key, value); });
  });
}

// get(...): Promise<value | undefined> | value | undefined. Values in memory are read right here, which takes
// less of this thread's time than asking another thread.
Napi::Value DatabaseObject::Get(const Napi::CallbackInfo& info) {
  const Reading reading(*this, info);
  const Bytes key(info[1]);
  rocksdb::DB* db = database_->db();

  PinnableSlice cached;
  ReadOptions in_memory = reading.options;
  in_memory.read_tier = rocksdb::kBlockCacheTier;
  const Status status = db->Get(in_memory, reading.family.get(), key.slice(), &cached);
  // RocksDB also answers with an empty value if it would have to open a table first.
  const bool is_certain = status.IsNotFound() || (status.ok() && !cached.empty());
  if (is_certain) return FoundToJs(info.Env(), status, cached, reading.encoding);

  return Start<Lookup>(info.Env(), &Addon::Of(info.Env()).read_threads,
                       {On("read from"),
                        [database = database_.get(), reading, key = key.slice().ToString()](Lookup* lookup) {
                          lookup->status = ReadValue(*database, reading, key, &lookup->value);
                          return FoundOrNot(lookup->status);
                        },
                        [encoding = reading.encoding](Napi::Env env, Lookup& lookup) {
                          return FoundToJs(env, lookup.status, lookup.value, encoding);
                        },
                        Use()});
}

// getSync(...): value | undefined
Napi::Value DatabaseObject::GetSync(const Napi::CallbackInfo& info) {
  const Reading reading(*this, info);
  const Bytes key(info[1]);
  PinnableSlice value;
  const Status status = ReadValue(*database_, reading, key.slice(), &value);
  if (FoundOrNot(status).ok()) return FoundToJs(info.Env(), status, value, reading.encoding);
  ThrowStatus(info.Env(), status, On("read from"));
  return Napi::Value();
}

// getMany(...): Promise<(value | undefined)[]>, all from one moment.
Napi::Value DatabaseObject::GetMany(const Napi::CallbackInfo& info) {
  struct Lookups {
    std::shared_ptr<void> use;
    std::vector<std::string> keys;
    std::vector<PinnableSlice> values;
    std::vector<Status> statuses;
  };
  const Napi::Env env = info.Env();
  Reading reading(*this, info);
  if (!reading.snapshot) {
    reading.snapshot = std::make_shared<Snapshot>(database_);
    reading.options.snapshot = reading.snapshot->get();
  }
  const auto keys = info[1].As<Napi::Array>();
  const size_t count = keys.Length();
  const auto lookups = std::make_shared<Lookups>();
  lookups->use = Use();
  lookups->values.resize(count);
  lookups->statuses.resize(count);
  for (uint32_t i = 0; i < count; ++i) lookups->keys.push_back(Bytes(keys.Get(i)).slice().ToString());

  const auto look_up = [database = database_.get(), reading, lookups](size_t begin, size_t end) {
    const std::vector<Slice> slices(lookups->keys.begin() + begin, lookups->keys.begin() + end);
    const auto values = lookups->values.begin() + begin;
    const auto statuses = lookups->statuses.begin() + begin;
    const Status status = database->healing().Read([&] {
      std::for_each(values, values + slices.size(), [](PinnableSlice& value) { value.Reset(); });
      const Status read = WithinMemory([&] {
        database->db()->MultiGet(reading.options, reading.family.get(), slices.size(), slices.data(),
                                 &*values, &*statuses);
        return Status::OK();
      });
      if (!read.ok()) return read;
      const auto failed = std::find_if(statuses, statuses + slices.size(),
                                       [](const Status& found) { return !FoundOrNot(found).ok(); });
      return failed == statuses + slices.size() ? Status::OK() : *failed;
    });
    if (!status.ok()) std::fill_n(statuses, slices.size(), status);
  };
  const size_t pieces = std::min(kMaxGetManyPieces, count);
  std::vector<Jobs::Work> work;
  for (size_t i = 0; i < pieces; ++i) {
    work.push_back([=] { look_up(i * count / pieces, (i + 1) * count / pieces); });
  }
  const Deferred deferred(env);
  if (deferred.promise().IsEmpty()) return deferred.promise();
  Addon::Of(env).jobs.Start(
      &Addon::Of(env).read_threads, std::move(work),
      [deferred, lookups, encoding = reading.encoding, action = On("read from")](Napi::Env env) {
        const auto failed = std::find_if(lookups->statuses.begin(), lookups->statuses.end(),
                                         [](const Status& status) { return !FoundOrNot(status).ok(); });
        const Status status = failed == lookups->statuses.end() ? Status::OK() : *failed;
        deferred.Settle(status, action, [&]() -> Napi::Value {
          auto array = Napi::Array::New(env, lookups->values.size());
          for (uint32_t i = 0; i < lookups->values.size(); ++i) {
            array[i] = FoundToJs(env, lookups->statuses[i], lookups->values[i], encoding);
          }
          return array;
        });
      });
  return deferred.promise();
}

}  // namespace cloudenv
