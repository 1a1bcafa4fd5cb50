#include "binding/open.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "binding/addon.h"
#include "binding/database.h"
#include "binding/database_object.h"
#include "binding/js_settings.h"
#include "binding/promise.h"
#include "binding/within_memory.h"

namespace cloudenv {

namespace {

using rocksdb::Status;

// Null, with an exception pending, if an option is bad.
std::shared_ptr<OpenRequest> RequestOf(const Napi::Object& object) {
  auto request = std::make_shared<OpenRequest>();
  request->path = object.Get("path").As<Napi::String>();
  request->socket_path = object.Get("socketPath").As<Napi::String>();
  request->read_only = object.Get("readOnly").As<Napi::Boolean>();
  request->only_named_families = object.Get("onlyNamedFamilies").As<Napi::Boolean>();
  const Settings settings = SettingsOf(object.Get("settings"));
  if (ThrowIfBad(object.Env(), ApplySettings(settings, &request->db_options, &request->family_options))) {
    return nullptr;
  }
  const auto families = object.Get("families").As<Napi::Array>();
  for (uint32_t i = 0; i < families.Length(); ++i) {
    const auto family = families.Get(i).As<Napi::Object>();
    rocksdb::ColumnFamilyOptions options = request->family_options;
    if (ThrowIfBad(object.Env(), ApplySettings(SettingsOf(family.Get("settings")), &options))) return nullptr;
    request->families.emplace(family.Get("name").As<Napi::String>().Utf8Value(), options);
  }
  return request;
}

Napi::Value ToJs(Napi::Env env, const std::vector<std::string>& names) {
  auto array = Napi::Array::New(env, names.size());
  for (uint32_t i = 0; i < names.size(); ++i) array[i] = Napi::String::New(env, names[i]);
  return array;
}

}  // namespace

Napi::Value OpenDatabase(const Napi::CallbackInfo& info) {
  const std::shared_ptr<OpenRequest> request = RequestOf(info[0].As<Napi::Object>());
  if (!request) return Napi::Value();
  return Start<std::shared_ptr<Database>>(
      info.Env(), &Addon::Of(info.Env()).write_threads,
      {"open \"" + request->path + "\"",
       [request](std::shared_ptr<Database>* database) {
         return WithinMemory([&] { return Database::Open(*request, database); });
       },
       [](Napi::Env env, std::shared_ptr<Database>& database) {
         return DatabaseObject::New(env, std::move(database));
       },
       nullptr});
}

Napi::Value ListColumnFamiliesAt(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>();
  const std::string socket_path = info[1].As<Napi::String>();
  return Start<std::vector<std::string>>(
      info.Env(), &Addon::Of(info.Env()).write_threads,
      {"list the column families of \"" + path + "\"",
       [path, socket_path](std::vector<std::string>* names) {
         return ListColumnFamilies(path, socket_path, names);
       },
       [](Napi::Env env, std::vector<std::string>& names) { return ToJs(env, names); }, nullptr});
}

}  // namespace cloudenv
