#include "binding/status.h"

#include "binding/addon.h"
#include "binding/newer_format.h"

namespace cloudenv {

using rocksdb::Status;

const char* CodeOf(const Status& status) {
  switch (status.subcode()) {
    case Status::kNoSpace:
    case Status::kSpaceLimit:
      return "NoSpace";
    case Status::kIOFenced:
      return "IOFenced";
    case Status::kPathNotFound:
      return "PathNotFound";
    default:
      break;
  }
  switch (status.code()) {
    case Status::kOk:
      return "Ok";
    case Status::kNotFound:
      return "NotFound";
    case Status::kCorruption:
      return "Corruption";
    case Status::kNotSupported:
      return "NotSupported";
    case Status::kInvalidArgument:
      return "InvalidArgument";
    case Status::kIOError:
      return "IOError";
    case Status::kMergeInProgress:
      return "MergeInProgress";
    case Status::kIncomplete:
      return "Incomplete";
    case Status::kShutdownInProgress:
      return "ShutdownInProgress";
    case Status::kTimedOut:
      return "TimedOut";
    case Status::kAborted:
      return "Aborted";
    case Status::kBusy:
      return "Busy";
    case Status::kExpired:
      return "Expired";
    case Status::kTryAgain:
      return "TryAgain";
    case Status::kCompactionTooLarge:
      return "CompactionTooLarge";
    case Status::kColumnFamilyDropped:
      return "ColumnFamilyDropped";
    default:
      return "Unknown";
  }
}

Napi::Value ErrorOf(Napi::Env env, const Status& said, const std::string& action) {
  const Status status = ExplainNewerFormat(said);
  const std::string said_text = status.ToString();
  Napi::Object options = Napi::Object::New(env);
  options.Set("cause", Napi::Error::New(env, said_text).Value());
  return Addon::Of(env).error_class.New({Napi::String::New(env, CodeOf(status)),
                                         Napi::String::New(env, "cannot " + action + ": " + said_text),
                                         options});
}

void ThrowStatus(Napi::Env env, const Status& status, const std::string& action) {
  Napi::Error(env, ErrorOf(env, status, action)).ThrowAsJavaScriptException();
}

}  // namespace cloudenv
