// Keys and values between JavaScript and RocksDB.
#pragma once

#include <napi.h>
#include <rocksdb/slice.h>

#include <string>

namespace cloudenv {

// A key or value from JavaScript: a string as UTF-8, a Uint8Array as it is. The slice is valid as long as
// this object and the call that the value came with. TypeScript has checked that it is one of the two.
class Bytes {
 public:
  explicit Bytes(const Napi::Value& value) {
    if (value.IsString()) {
      utf8_ = value.As<Napi::String>().Utf8Value();
      slice_ = utf8_;
    } else if (value.IsTypedArray()) {
      const auto array = value.As<Napi::Uint8Array>();
      slice_ = rocksdb::Slice(reinterpret_cast<const char*>(array.Data()), array.ByteLength());
    }
  }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  const rocksdb::Slice& slice() const { return slice_; }

 private:
  std::string utf8_;
  rocksdb::Slice slice_;
};

enum class Encoding { kBuffer, kUtf8 };

// A value for JavaScript; empty, with a JavaScript exception pending, if it is too long for one.
inline Napi::Value ToJs(Napi::Env env, const rocksdb::Slice& bytes, Encoding encoding) {
  if (encoding == Encoding::kUtf8) return Napi::String::New(env, bytes.data(), bytes.size());
  return Napi::Buffer<char>::Copy(env, bytes.data(), bytes.size());
}

}  // namespace cloudenv
