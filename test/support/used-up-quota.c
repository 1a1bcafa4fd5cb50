// Preloaded into a process: a full disk answers as a used-up quota does.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/types.h>
#include <sys/uio.h>

static long told(long result) {
  if (result < 0 && errno == ENOSPC) errno = EDQUOT;
  return result;
}

#define NEXT(name) \
  static __typeof__(&name) next; \
  if (!next) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int file, const void *bytes, size_t length) {
  NEXT(write);
  return told(next(file, bytes, length));
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) {
  NEXT(pwrite);
  return told(next(file, bytes, length, offset));
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset) {
  NEXT(pwrite64);
  return told(next(file, bytes, length, offset));
}

ssize_t writev(int file, const struct iovec *parts, int count) {
  NEXT(writev);
  return told(next(file, parts, count));
}

int open(const char *path, int flags, ...) {
  NEXT(open);
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;
  va_end(more);
  return told(next(path, flags, mode));
}

int open64(const char *path, int flags, ...) {
  NEXT(open64);
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;
  va_end(more);
  return told(next(path, flags, mode));
}
