#include "binding/file_lock.h"

#include <rocksdb/env.h>
#include <sys/file.h>

#include <cerrno>
#include <memory>
#include <string>

#include "binding/addon.h"
#include "binding/promise.h"

namespace cloudenv {

namespace {

int TryLock(int fd) {
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

}  // namespace

Napi::Value LockFile(const Napi::CallbackInfo& info) {
  const int fd = info[0].As<Napi::Number>();
  // Not on this thread: a network file system asks its server.
  return Start<int>(info.Env(), &Addon::Of(info.Env()).read_threads,
                    {"lock a file",
                     [fd](int* error) {
                       *error = TryLock(fd);
                       return rocksdb::Status::OK();
                     },
                     [](Napi::Env env, int& error) { return Napi::Number::New(env, error); }, nullptr});
}

Napi::Value LockDatabase(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>().Utf8Value();
  return Start<rocksdb::FileLock*>(
      info.Env(), &Addon::Of(info.Env()).read_threads,
      {"lock \"" + path + "\"",
       [path](rocksdb::FileLock** lock) { return rocksdb::Env::Default()->LockFile(path, lock); },
       [](Napi::Env env, rocksdb::FileLock*& taken) -> Napi::Value {
         const auto lock = std::make_shared<rocksdb::FileLock*>(taken);
         return Napi::Function::New(env, [lock](const Napi::CallbackInfo&) {
           if (*lock != nullptr) rocksdb::Env::Default()->UnlockFile(*lock).PermitUncheckedError();
           *lock = nullptr;
         });
       },
       nullptr});
}

}  // namespace cloudenv
