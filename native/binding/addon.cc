#include "binding/addon.h"

#include <rocksdb/convenience.h>
#include <rocksdb/version.h>

#include "binding/database_object.h"
#include "binding/decompress.h"
#include "binding/file_lock.h"
#include "binding/iterator_object.h"
#include "binding/open.h"
#include "binding/options.h"
#include "binding/punch_hole.h"
#include "binding/snapshot_object.h"

namespace cloudenv {

namespace {

constexpr size_t kMaxReadThreads = 64;
// Flushes and compactions wait here for uploads, one thread each; writes take one thread per database.
constexpr size_t kMaxWriteThreads = 64;

// optionDefaults(): { database, family, table }
Napi::Value OptionDefaultsToJs(const Napi::CallbackInfo& info) {
  const OptionDefaults defaults = ListOptionDefaults();
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("database", defaults.database);
  object.Set("family", defaults.family);
  object.Set("table", defaults.table);
  return object;
}

// RocksDB's numbers for the compressions that it was built with.
Napi::Array SupportedCompressions(Napi::Env env) {
  Napi::Array numbers = Napi::Array::New(env);
  for (const rocksdb::CompressionType type : rocksdb::GetSupportedCompressions()) {
    numbers[numbers.Length()] = Napi::Number::New(env, type);
  }
  return numbers;
}

}  // namespace

void Addon::Init(Napi::Env env, Napi::Object exports) {
  auto* addon = new Addon(env, exports);
  env.SetInstanceData(addon);
  // Hooks run last in, first out: this one runs before the end of the thread-safe function that `jobs` made.
  env.AddCleanupHook([addon] { addon->Shutdown(); });
}

Addon::Addon(Napi::Env env, Napi::Object exports)
    : jobs(env), read_threads(kMaxReadThreads), write_threads(kMaxWriteThreads) {
  database_class = Napi::Persistent(DatabaseObject::DefineClass(env));
  iterator_class = Napi::Persistent(IteratorObject::DefineClass(env));
  snapshot_class = Napi::Persistent(SnapshotObject::DefineClass(env));

  const auto add = [&](const char* name, auto function) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("open", OpenDatabase);
  add("listColumnFamilies", ListColumnFamiliesAt);
  add("decompress", Decompress);
  add("lockFile", LockFile);
  add("lockDatabase", LockDatabase);
  add("punchHole", PunchHole);
  add("optionDefaults", OptionDefaultsToJs);
  add("hasOption", [](const Napi::CallbackInfo& info) -> Napi::Value {
    return Napi::Boolean::New(info.Env(), HasOption(info[0].As<Napi::String>().Utf8Value()));
  });
  add("takesAnyText", [](const Napi::CallbackInfo& info) -> Napi::Value {
    return Napi::Boolean::New(info.Env(), TakesAnyText(info[0].As<Napi::String>().Utf8Value()));
  });
  add("shutdown", [](const Napi::CallbackInfo& info) { Addon::Of(info.Env()).Shutdown(); });
  add("setErrorClass", [](const Napi::CallbackInfo& info) {
    Addon::Of(info.Env()).error_class = Napi::Persistent(info[0].As<Napi::Function>());
  });
  exports.Set("supportedCompressions", SupportedCompressions(env));
  exports.Set("rocksdbVersion", rocksdb::GetRocksVersionAsString());
}

void Addon::Shutdown() {
  for (const auto& database : databases) database->Interrupt();
  read_threads.Stop();
  write_threads.Stop();
  jobs.Stop();
  for (const auto& database : databases) database->Close().PermitUncheckedError();
  databases.clear();
}

}  // namespace cloudenv

static Napi::Object InitModule(Napi::Env env, Napi::Object exports) {
  cloudenv::Addon::Init(env, exports);
  return exports;
}

NODE_API_MODULE(cloudenv_native, InitModule)
