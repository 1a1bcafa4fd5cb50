// Decompression of a table's blocks for readers without RocksDB.
#pragma once

#include <napi.h>

namespace cloudenv {

// decompress(codec, input, output, dictionary or undefined) -> whether the input was good and filled the
// output exactly. TypeScript has checked the types.
Napi::Value Decompress(const Napi::CallbackInfo& info);

}  // namespace cloudenv
