#include "binding/decompress.h"

#include <bzlib.h>
#include <lz4.h>
#include <rocksdb/slice.h>
#include <snappy-c.h>
#include <zstd.h>

#include <climits>
#include <memory>

#include "binding/bytes.h"

namespace cloudenv {

namespace {

// The numbers of src/binding/native.ts.
enum class Codec : uint32_t { kSnappy = 0, kLz4 = 1, kZstd = 2, kBzip2 = 3 };

struct Output {
  char* data;
  size_t size;
};

bool DecompressSnappy(const rocksdb::Slice& input, Output output) {
  size_t size = 0;
  return snappy_uncompressed_length(input.data(), input.size(), &size) == SNAPPY_OK && size == output.size &&
         snappy_uncompress(input.data(), input.size(), output.data, &size) == SNAPPY_OK &&
         size == output.size;
}

bool DecompressLz4(const rocksdb::Slice& input, Output output, const rocksdb::Slice& dictionary) {
  if (input.size() > INT_MAX || output.size > INT_MAX || dictionary.size() > INT_MAX) return false;
  const int size = LZ4_decompress_safe_usingDict(input.data(), output.data, static_cast<int>(input.size()),
                                                 static_cast<int>(output.size), dictionary.data(),
                                                 static_cast<int>(dictionary.size()));
  return size >= 0 && static_cast<size_t>(size) == output.size;
}

bool DecompressZstd(const rocksdb::Slice& input, Output output, const rocksdb::Slice& dictionary) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  if (context == nullptr) return false;
  const size_t size = ZSTD_decompress_usingDict(context.get(), output.data, output.size, input.data(),
                                                input.size(), dictionary.data(), dictionary.size());
  return !ZSTD_isError(size) && size == output.size;
}

// It has no dictionary.
bool DecompressBzip2(const rocksdb::Slice& input, Output output) {
  if (input.size() > UINT_MAX || output.size > UINT_MAX) return false;
  auto size = static_cast<unsigned int>(output.size);
  // The library only reads through the pointer, though it isn't const.
  return BZ2_bzBuffToBuffDecompress(output.data, &size, const_cast<char*>(input.data()),
                                    static_cast<unsigned int>(input.size()), 0, 0) == BZ_OK &&
         size == output.size;
}

bool DecompressWith(Codec codec, const rocksdb::Slice& input, Output output,
                    const rocksdb::Slice& dictionary) {
  switch (codec) {
    case Codec::kSnappy:
      return DecompressSnappy(input, output);
    case Codec::kLz4:
      return DecompressLz4(input, output, dictionary);
    case Codec::kZstd:
      return DecompressZstd(input, output, dictionary);
    case Codec::kBzip2:
      return DecompressBzip2(input, output);
  }
  return false;
}

}  // namespace

Napi::Value Decompress(const Napi::CallbackInfo& info) {
  const auto codec = static_cast<Codec>(info[0].As<Napi::Number>().Uint32Value());
  const Bytes input(info[1]);
  auto array = info[2].As<Napi::Uint8Array>();
  const Bytes dictionary(info[3]);
  const Output output{reinterpret_cast<char*>(array.Data()), array.ByteLength()};
  return Napi::Boolean::New(info.Env(), DecompressWith(codec, input.slice(), output, dictionary.slice()));
}

}  // namespace cloudenv
