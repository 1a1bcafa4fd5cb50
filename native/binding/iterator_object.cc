#include "binding/iterator_object.h"

#include <cstring>
#include <utility>

#include "binding/addon.h"
#include "binding/promise.h"
#include "binding/within_memory.h"

namespace cloudenv {

namespace {

Napi::Value ToJs(Napi::Env env, const Chunk& chunk) {
  auto lengths = Napi::Uint32Array::New(env, chunk.lengths.size());
  if (lengths.IsEmpty()) return lengths;  // This thread is being terminated.
  if (!chunk.lengths.empty()) {
    std::memcpy(lengths.Data(), chunk.lengths.data(), chunk.lengths.size() * sizeof(uint32_t));
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("bytes", Napi::Buffer<char>::Copy(env, chunk.bytes.data(), chunk.bytes.size()));
  object.Set("lengths", lengths);
  object.Set("finished", chunk.finished);
  return object;
}

}  // namespace

Napi::Function IteratorObject::DefineClass(Napi::Env env) {
  return ObjectWrap::DefineClass(
      env, "Iterator",
      {InstanceMethod("read", &IteratorObject::Read), InstanceMethod("close", &IteratorObject::Close)});
}

Napi::Value IteratorObject::New(Napi::Env env, DatabaseObject* database, std::shared_ptr<Iterator> iterator) {
  const Napi::Object object = Addon::Of(env).iterator_class.New({});
  if (object.IsEmpty()) return object;  // This thread is being terminated.
  IteratorObject* self = Unwrap(object);
  self->database_ = database;
  self->database_reference_ = Napi::Persistent(database->Value());
  self->iterator_ = std::move(iterator);
  return object;
}

// read(maxEntries, maxBytes): Promise<Chunk>
Napi::Value IteratorObject::Read(const Napi::CallbackInfo& info) {
  const auto max_entries = info[0].As<Napi::Number>().Uint32Value();
  const auto max_bytes = info[1].As<Napi::Number>().Uint32Value();
  return Start<Chunk>(info.Env(), &Addon::Of(info.Env()).read_threads,
                      {database_->On("read a range of"),
                       [iterator = iterator_, max_entries, max_bytes](Chunk* chunk) {
                         return WithinMemory([&] { return iterator->Read(max_entries, max_bytes, chunk); });
                       },
                       [](Napi::Env env, Chunk& chunk) { return ToJs(env, chunk); }, database_->Use()});
}

// close(): Promise<void>, on another thread because the iterator's resources may have to be freed.
Napi::Value IteratorObject::Close(const Napi::CallbackInfo& info) {
  return Start(
      info.Env(), &Addon::Of(info.Env()).write_threads, database_->On("close an iterator of"),
      [iterator = std::move(iterator_)]() mutable {
        iterator.reset();
        return rocksdb::Status::OK();
      },
      database_->Use());
}

}  // namespace cloudenv
