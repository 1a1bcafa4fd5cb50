#include "bridge/error.h"

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
  if (!status.IsNotFound()) return status;
  IOStatus failure = IOStatus::PathNotFound(status.getState());
  failure.SetRetryable(status.GetRetryable());
  failure.SetScope(status.GetScope());
  return failure;
}

IOStatus HostGone(const std::string& socket_path, const std::string& reason) {
  IOStatus status = IOStatus::IOError("the Env host on " + socket_path + " went away (" + reason +
                                      "): reopen the database");
  status.SetScope(IOStatus::kIOErrorScopeFileSystem);
  return status;
}

}  // namespace cloudenv
