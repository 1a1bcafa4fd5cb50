#include "binding/database_object.h"

#include <rocksdb/db.h>

#include <atomic>
#include <utility>
#include <vector>

#include "binding/addon.h"
#include "binding/bytes.h"
#include "binding/iterator_object.h"
#include "binding/js_settings.h"
#include "binding/promise.h"
#include "binding/snapshot_object.h"

namespace cloudenv {

namespace {

using rocksdb::Slice;
using rocksdb::Status;

std::optional<std::string> OptionalBytes(const Napi::Value& value) {
  if (value.IsUndefined()) return std::nullopt;
  return Bytes(value).slice().ToString();
}

// Runs work on `threads`, once every write issued before is done.
class AfterWrites : public Executor {
 public:
  AfterWrites(Strand* writes, Executor* threads) : writes_(writes), threads_(threads) {}

  void Submit(std::function<void()> work) override {
    writes_->Submit(
        [threads = threads_, work = std::move(work)]() mutable { threads->Submit(std::move(work)); });
  }

 private:
  Strand* const writes_;
  Executor* const threads_;
};

}  // namespace

Napi::Function DatabaseObject::DefineClass(Napi::Env env) {
  return ObjectWrap::DefineClass(
      env, "Database",
      {
          InstanceMethod("families", &DatabaseObject::Families),
          InstanceMethod("get", &DatabaseObject::Get),
          InstanceMethod("getSync", &DatabaseObject::GetSync),
          InstanceMethod("getMany", &DatabaseObject::GetMany),
          InstanceMethod("write", &DatabaseObject::Write),
          InstanceMethod("flush", &DatabaseObject::Flush),
          InstanceMethod("syncWal", &DatabaseObject::SyncWal),
          InstanceMethod("compactRange", &DatabaseObject::CompactRange),
          InstanceMethod("getProperty", &DatabaseObject::GetProperty),
          InstanceMethod("snapshot", &DatabaseObject::NewSnapshot),
          InstanceMethod("iterator", &DatabaseObject::NewIterator),
          InstanceMethod("createColumnFamily", &DatabaseObject::CreateColumnFamily),
          InstanceMethod("dropColumnFamily", &DatabaseObject::DropColumnFamily),
          InstanceMethod("close", &DatabaseObject::Close),
      });
}

Napi::Value DatabaseObject::New(Napi::Env env, std::shared_ptr<Database> database) {
  Addon& addon = Addon::Of(env);
  addon.databases.insert(database);
  return addon.database_class.New({Napi::External<std::shared_ptr<Database>>::New(env, &database)});
}

DatabaseObject::DatabaseObject(const Napi::CallbackInfo& info)
    : ObjectWrap(info),
      database_(*info[0].As<Napi::External<std::shared_ptr<Database>>>().Data()),
      write_strand_(std::make_shared<Strand>(&Addon::Of(info.Env()).write_threads)),
      writes_(database_, write_strand_) {}

std::shared_ptr<void> DatabaseObject::Use() {
  ++uses_;
  Ref();
  return std::shared_ptr<void>(this, [](DatabaseObject* self) {
    if (--self->uses_ == 0 && self->closing_) self->StartClosing();
    self->Unref();
  });
}

std::string DatabaseObject::On(const char* action) const {
  return std::string(action) + " \"" + database_->path() + "\"";
}

ColumnFamily DatabaseObject::FamilyOf(const Napi::Value& id) const {
  return database_->family(id.As<Napi::Number>().Uint32Value());
}

// families(): [name, id][]
Napi::Value DatabaseObject::Families(const Napi::CallbackInfo& info) {
  const std::vector<ColumnFamily> families = database_->families();
  auto array = Napi::Array::New(info.Env(), families.size());
  for (uint32_t i = 0; i < families.size(); ++i) {
    auto pair = Napi::Array::New(info.Env(), 2);
    pair[0u] = Napi::String::New(info.Env(), families[i]->GetName());
    pair[1u] = Napi::Number::New(info.Env(), families[i]->GetID());
    array[i] = pair;
  }
  return array;
}

// write(operations, sync, disableWal): Promise<void>. The operations are flat, four elements each: kind,
// family, key, value; for a range its start and its end.
Napi::Value DatabaseObject::Write(const Napi::CallbackInfo& info) {
  enum Kind { kPut, kDelete, kDeleteRange };
  const auto array = info[0].As<Napi::Array>();
  const WriteMode mode{info[1].As<Napi::Boolean>(), info[2].As<Napi::Boolean>()};
  std::vector<Napi::Value> operations(array.Length());
  for (uint32_t i = 0; i < operations.size(); ++i) {
    operations[i] = array.Get(i);
    if (operations[i].IsEmpty()) return Napi::Value();  // This thread is being terminated.
  }
  const auto append = [&](rocksdb::WriteBatch* batch) {
    for (size_t i = 0; i + 3 < operations.size(); i += 4) {
      const ColumnFamily family = FamilyOf(operations[i + 1]);
      const Bytes key(operations[i + 2]);
      const Bytes value(operations[i + 3]);
      switch (operations[i].As<Napi::Number>().Int32Value()) {
        case kPut:
          batch->Put(family.get(), key.slice(), value.slice());
          break;
        case kDelete:
          batch->Delete(family.get(), key.slice());
          break;
        case kDeleteRange:
          batch->DeleteRange(family.get(), key.slice(), value.slice());
          break;
      }
    }
  };
  return writes_.Write(info.Env(), mode, On("write to"), append, [this] { return Use(); });
}

Napi::Value DatabaseObject::StartAfterWrites(Napi::Env env, const char* action,
                                             std::function<Status()> work) {
  AfterWrites executor(write_strand_.get(), &Addon::Of(env).write_threads);
  return Start(env, &executor, On(action), std::move(work), Use());
}

// flush(families, timeoutMs): Promise<void>
Napi::Value DatabaseObject::Flush(const Napi::CallbackInfo& info) {
  const auto ids = info[0].As<Napi::Array>();
  std::vector<ColumnFamily> families;
  for (uint32_t i = 0; i < ids.Length(); ++i) families.push_back(FamilyOf(ids.Get(i)));
  const std::chrono::milliseconds timeout(info[1].As<Napi::Number>().Int64Value());
  const auto written = std::make_shared<std::atomic<bool>>(false);
  write_strand_->Submit([database = database_, written] {
    *written = true;
    database->NotifyWritten();
  });
  return Start(
      info.Env(), &Addon::Of(info.Env()).write_threads, On("flush"),
      [database = database_.get(), families, timeout, written] {
        return database->Flush(families, timeout, *written);
      },
      Use());
}

// syncWal(): Promise<void>
Napi::Value DatabaseObject::SyncWal(const Napi::CallbackInfo& info) {
  return StartAfterWrites(info.Env(), "sync the write-ahead log of",
                          [database = database_.get()] { return database->SyncWal(); });
}

// compactRange(family, start, end, rewrite): Promise<void>; start and end may be undefined
Napi::Value DatabaseObject::CompactRange(const Napi::CallbackInfo& info) {
  return StartAfterWrites(
      info.Env(), "compact",
      [database = database_.get(), family = FamilyOf(info[0]), start = OptionalBytes(info[1]),
       end = OptionalBytes(info[2]), rewrite = info[3].As<Napi::Boolean>().Value()] {
        const Slice start_slice = start ? Slice(*start) : Slice();
        const Slice end_slice = end ? Slice(*end) : Slice();
        return database->CompactRange(family.get(), start ? &start_slice : nullptr,
                                      end ? &end_slice : nullptr, rewrite);
      });
}

// getProperty(family, name): Promise<string | undefined>
Napi::Value DatabaseObject::GetProperty(const Napi::CallbackInfo& info) {
  using Property = std::optional<std::string>;
  return Start<Property>(info.Env(), &Addon::Of(info.Env()).read_threads,
                         {On("read a property of"),
                          [db = database_->db(), family = FamilyOf(info[0]),
                           name = info[1].As<Napi::String>().Utf8Value()](Property* property) {
                            std::string value;
                            if (db->GetProperty(family.get(), name, &value)) *property = std::move(value);
                            return Status::OK();
                          },
                          [](Napi::Env env, Property& property) -> Napi::Value {
                            return property ? Napi::String::New(env, *property) : env.Undefined();
                          },
                          Use()});
}

// snapshot(): Snapshot
Napi::Value DatabaseObject::NewSnapshot(const Napi::CallbackInfo& info) {
  return SnapshotObject::New(info.Env(), std::make_shared<Snapshot>(database_));
}

// iterator(family, lower?, upper?, reverse, fillCache, snapshot?): Iterator
Napi::Value DatabaseObject::NewIterator(const Napi::CallbackInfo& info) {
  const IteratorRange range{OptionalBytes(info[1]), OptionalBytes(info[2]), info[3].As<Napi::Boolean>()};
  std::shared_ptr<Snapshot> snapshot = SnapshotObject::Of(info[5]);
  if (!snapshot) snapshot = std::make_shared<Snapshot>(database_);
  auto iterator = std::make_shared<Iterator>(database_, FamilyOf(info[0]), std::move(snapshot), range,
                                             info[4].As<Napi::Boolean>());
  return IteratorObject::New(info.Env(), this, std::move(iterator));
}

// createColumnFamily(name, settings, familySettings): Promise<number>
Napi::Value DatabaseObject::CreateColumnFamily(const Napi::CallbackInfo& info) {
  const std::string name = info[0].As<Napi::String>();
  rocksdb::ColumnFamilyOptions options = database_->family_options();
  if (ThrowIfBad(info.Env(), ApplySettings(SettingsOf(info[1]), &options))) return Napi::Value();
  return Start<uint32_t>(
      info.Env(), &Addon::Of(info.Env()).write_threads,
      {On("create a column family in"),
       [database = database_.get(), options, name](uint32_t* id) {
         return database->CreateColumnFamily(options, name, id);
       },
       [](Napi::Env env, uint32_t& id) -> Napi::Value { return Napi::Number::New(env, id); }, Use()});
}

// dropColumnFamily(id): Promise<void>. Waits its turn among the writes, because a write to a dropped column
// family would fail all writes in the same group.
Napi::Value DatabaseObject::DropColumnFamily(const Napi::CallbackInfo& info) {
  return Start(
      info.Env(), write_strand_.get(), On("drop a column family of"),
      [database = database_.get(), id = info[0].As<Napi::Number>().Uint32Value()] {
        return database->DropColumnFamily(id);
      },
      Use());
}

// close(): Promise<void>, once. Waits for the calls in flight, but not for an unreachable store.
Napi::Value DatabaseObject::Close(const Napi::CallbackInfo& info) {
  database_->StopWaiting();
  closing_.emplace(info.Env());
  const Napi::Value promise = closing_->promise();
  if (uses_ == 0) StartClosing();
  return promise;
}

void DatabaseObject::StartClosing() {
  Addon& addon = Addon::Of(Env());
  const auto status = std::make_shared<Status>();
  addon.jobs.Start(&addon.write_threads,
                   {[database = database_.get(), status] { *status = database->Close(); }},
                   [this, status, action = On("close")](Napi::Env env) {
                     Addon::Of(env).databases.erase(database_);
                     closing_->Settle(*status, action, [&] { return env.Undefined(); });
                     Unref();
                   });
  Ref();
}

}  // namespace cloudenv
