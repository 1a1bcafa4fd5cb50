#include "binding/punch_hole.h"

#include <fcntl.h>

#include <cerrno>

#include "binding/addon.h"
#include "binding/promise.h"

namespace cloudenv {

namespace {

int Punch(int fd, int64_t offset, int64_t length) {
#ifdef FALLOC_FL_PUNCH_HOLE
  while (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
#else
  (void)fd, (void)offset, (void)length;
  return EOPNOTSUPP;
#endif
}

}  // namespace

Napi::Value PunchHole(const Napi::CallbackInfo& info) {
  const int fd = info[0].As<Napi::Number>();
  const int64_t offset = info[1].As<Napi::Number>();
  const int64_t length = info[2].As<Napi::Number>();
  // Not on this thread: many file systems first write what is not on the disk yet.
  return Start<int>(info.Env(), &Addon::Of(info.Env()).read_threads,
                    {"make a hole",
                     [=](int* error) {
                       *error = Punch(fd, offset, length);
                       return rocksdb::Status::OK();
                     },
                     [](Napi::Env env, int& error) { return Napi::Number::New(env, error); }, nullptr});
}

}  // namespace cloudenv
