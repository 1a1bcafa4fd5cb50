#include "binding/file_lock.h"

#include <sys/file.h>

#include <cerrno>

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

}  // namespace cloudenv
