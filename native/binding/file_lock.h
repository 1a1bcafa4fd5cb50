// The kernel's locks on files, which Node.js lacks.
#pragma once

#include <napi.h>

namespace cloudenv {

// lockFile(fd) -> promise of 0, or of the errno that refuses: EWOULDBLOCK while somebody else has the lock.
// The lock belongs to the open file: it ends when `fd` is closed, or with the process.
Napi::Value LockFile(const Napi::CallbackInfo& info);

// lockDatabase(path) -> promise of a function that unlocks again. `path` is the LOCK of a plain database: the
// lock keeps programs of RocksDB and LevelDB out, this one included. Rejects while one of them has it.
Napi::Value LockDatabase(const Napi::CallbackInfo& info);

}  // namespace cloudenv
