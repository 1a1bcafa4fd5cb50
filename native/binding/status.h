// A rocksdb::Status as a JavaScript error.
#pragma once

#include <napi.h>
#include <rocksdb/status.h>

#include <string>

namespace cloudenv {

// Name of the status, as in `RocksDBError.code`: its subcode if that says more (NoSpace, IOFenced).
const char* CodeOf(const rocksdb::Status& status);

// A RocksDBError. `action` says what was tried and on which database: `read from "/data/orders"`.
Napi::Value ErrorOf(Napi::Env env, const rocksdb::Status& status, const std::string& action);

void ThrowStatus(Napi::Env env, const rocksdb::Status& status, const std::string& action);

}  // namespace cloudenv
