#include "bridge/error.h"

#include <cerrno>
#include <cstring>
#include <string>

namespace cloudenv {

namespace {

IOStatus StatusOfCode(uint8_t code, const std::string& message) {
  switch (code) {
    case 1:
      return IOStatus::NotFound(message);
    case 2:
      return IOStatus::Corruption(message);
    case 3:
      return IOStatus::NotSupported(message);
    case 4:
      return IOStatus::InvalidArgument(message);
    case 6:
      return IOStatus::IOFenced(message);
    case 7:
      return IOStatus::NoSpace(message);
    case 8:
      return IOStatus::PathNotFound(message);
    case 9:
      return IOStatus::Busy(message);
    case 10:
      return IOStatus::TimedOut(message);
    default:
      return IOStatus::IOError(message);
  }
}

IOStatus WithTraits(const IOStatus& original, IOStatus status) {
  status.SetRetryable(original.GetRetryable());
  status.SetScope(original.GetScope());
  return status;
}

// RocksDB puts the reason of a local file system last.
bool IsFor(const std::string& message, int error) {
  const std::string ending = std::strerror(error);
  return message.size() >= ending.size() &&
         message.compare(message.size() - ending.size(), ending.size(), ending) == 0;
}

constexpr IOStatus::IOErrorScope kScopes[] = {IOStatus::kIOErrorScopeFile, IOStatus::kIOErrorScopeRange,
                                              IOStatus::kIOErrorScopeFileSystem};

}  // namespace

IOStatus ReadError(PayloadReader& payload) {
  const uint8_t code = payload.U8();
  const bool retryable = payload.Bool();
  const uint8_t scope = payload.U8();
  if (code < 1 || code > 10 || scope > 2) payload.Reject();
  IOStatus status = StatusOfCode(code, payload.String());
  status.SetRetryable(retryable);
  status.SetScope(kScopes[scope > 2 ? 2 : scope]);
  return status;
}

IOStatus ReadFailure(const IOStatus& status) {
  return status.IsNotFound() ? WithTraits(status, IOStatus::PathNotFound(status.getState())) : status;
}

IOStatus LookUpFailure(const IOStatus& status) {
  if (status.ok() || status.IsNotFound() || status.IsIOError()) return status;
  return WithTraits(status, IOStatus::IOError(status.getState() == nullptr ? "" : status.getState()));
}

IOStatus AsNoSpace(const IOStatus& status) {
  if (!status.IsIOError() || status.getState() == nullptr || !IsFor(status.getState(), EDQUOT)) return status;
  IOStatus no_space = IOStatus::NoSpace(status.getState());
  no_space.SetRetryable(true);
  return no_space;
}

IOStatus ExplainUnwritable(const IOStatus& status) {
  const std::string reason = status.getState() == nullptr ? "" : status.getState();
  for (const int error : {EROFS, EACCES, EPERM}) {
    if (!IsFor(reason, error)) continue;
    return IOStatus::IOError(reason,
                             "a database that is opened for writing needs a local directory that can be "
                             "written. Make it writable, or open the database read-only");
  }
  return status;
}

IOStatus HostGone(const std::string& socket_path, const std::string& reason) {
  IOStatus status = IOStatus::IOError("the Env host on " + socket_path + " went away (" + reason +
                                      "): reopen the database");
  status.SetScope(IOStatus::kIOErrorScopeFileSystem);
  return status;
}

}  // namespace cloudenv
