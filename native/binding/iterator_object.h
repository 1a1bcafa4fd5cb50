// An iterator as JavaScript sees it: src/binding/native.ts.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/database_object.h"
#include "binding/iterator.h"

namespace cloudenv {

class IteratorObject : public Napi::ObjectWrap<IteratorObject> {
 public:
  static Napi::Function DefineClass(Napi::Env env);
  static Napi::Value New(Napi::Env env, DatabaseObject* database, std::shared_ptr<Iterator> iterator);

  explicit IteratorObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

 private:
  Napi::Value Read(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  DatabaseObject* database_ = nullptr;
  Napi::ObjectReference database_reference_;
  std::shared_ptr<Iterator> iterator_;
};

}  // namespace cloudenv
