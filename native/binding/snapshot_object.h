// A snapshot as JavaScript sees it.
#pragma once

#include <napi.h>

#include <memory>
#include <utility>

#include "binding/addon.h"
#include "binding/snapshot.h"

namespace cloudenv {

class SnapshotObject : public Napi::ObjectWrap<SnapshotObject> {
 public:
  static Napi::Function DefineClass(Napi::Env env) {
    return ObjectWrap::DefineClass(env, "Snapshot", {InstanceMethod("close", &SnapshotObject::Close)});
  }

  static Napi::Value New(Napi::Env env, std::shared_ptr<Snapshot> snapshot) {
    const Napi::Object object = Addon::Of(env).snapshot_class.New({});
    if (object.IsEmpty()) return object;  // This thread is being terminated.
    Unwrap(object)->snapshot_ = std::move(snapshot);
    return object;
  }

  // The snapshot that JavaScript passed as an optional argument; null for undefined.
  static std::shared_ptr<Snapshot> Of(const Napi::Value& value) {
    return value.IsObject() ? Unwrap(value.As<Napi::Object>())->snapshot_ : nullptr;
  }

  explicit SnapshotObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

 private:
  Napi::Value Close(const Napi::CallbackInfo& info) {
    snapshot_.reset();
    return info.Env().Undefined();
  }

  std::shared_ptr<Snapshot> snapshot_;
};

}  // namespace cloudenv
