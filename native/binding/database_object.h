// The database as JavaScript sees it. src/binding/native.ts describes its methods and is their only caller:
// it passes valid arguments, and calls nothing after close().
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "binding/database.h"
#include "binding/promise.h"
#include "binding/strand.h"
#include "binding/write_queue.h"

namespace cloudenv {

class DatabaseObject : public Napi::ObjectWrap<DatabaseObject> {
 public:
  static Napi::Function DefineClass(Napi::Env env);
  static Napi::Value New(Napi::Env env, std::shared_ptr<Database> database);

  explicit DatabaseObject(const Napi::CallbackInfo& info);

  // Every call in flight holds this: the database does not close before it is released.
  std::shared_ptr<void> Use();

  // `action` with the path: `read from "/data/orders"`.
  std::string On(const char* action) const;

 private:
  struct Reading;

  static rocksdb::Status ReadValue(const Database& database, const Reading& reading,
                                   const rocksdb::Slice& key, rocksdb::PinnableSlice* value);

  Napi::Value Families(const Napi::CallbackInfo& info);
  Napi::Value Get(const Napi::CallbackInfo& info);
  Napi::Value GetSync(const Napi::CallbackInfo& info);
  Napi::Value GetMany(const Napi::CallbackInfo& info);
  Napi::Value Write(const Napi::CallbackInfo& info);
  Napi::Value Flush(const Napi::CallbackInfo& info);
  Napi::Value SyncWal(const Napi::CallbackInfo& info);
  Napi::Value CompactRange(const Napi::CallbackInfo& info);
  Napi::Value GetProperty(const Napi::CallbackInfo& info);
  Napi::Value NewSnapshot(const Napi::CallbackInfo& info);
  Napi::Value NewIterator(const Napi::CallbackInfo& info);
  Napi::Value CreateColumnFamily(const Napi::CallbackInfo& info);
  Napi::Value DropColumnFamily(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  ColumnFamily FamilyOf(const Napi::Value& id) const;
  // Runs `work` once every write issued before is done.
  Napi::Value StartAfterWrites(Napi::Env env, const char* action, std::function<rocksdb::Status()> work);
  void StartClosing();

  const std::shared_ptr<Database> database_;
  const std::shared_ptr<Strand> write_strand_;
  WriteQueue writes_;
  size_t uses_ = 0;
  std::optional<Deferred> closing_;
};

}  // namespace cloudenv
