// A RocksDB call on another thread, as a JavaScript promise.
#pragma once

#include <napi.h>
#include <rocksdb/status.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "binding/addon.h"
#include "binding/status.h"

namespace cloudenv {

// A promise to be settled. A worker thread that is being terminated yields none; the call's arguments may be
// incomplete then, so the call must not be made.
class Deferred {
 public:
  explicit Deferred(Napi::Env env) : env_(env) {
    if (napi_create_promise(env, &deferred_, &promise_) != napi_ok) promise_ = nullptr;
  }

  // Empty if there is none.
  Napi::Value promise() const { return Napi::Value(env_, promise_); }

  // Rejects with the error; otherwise resolves with `value`, or rejects if making it threw.
  template <typename MakeValue>
  void Settle(const rocksdb::Status& status, const std::string& action, MakeValue make_value) const {
    if (!status.ok()) return Reject(ErrorOf(env_, status, action));
    const Napi::Value value = make_value();
    if (env_.IsExceptionPending()) return Reject(env_.GetAndClearPendingException().Value());
    napi_resolve_deferred(env_, deferred_, value);
  }

 private:
  void Reject(const Napi::Value& error) const { napi_reject_deferred(env_, deferred_, error); }

  Napi::Env env_;
  napi_deferred deferred_ = nullptr;
  napi_value promise_ = nullptr;
};

// A call with a result.
template <typename Result>
struct Call {
  std::string action;  // For the error message: `read from "/data/orders"`.
  std::function<rocksdb::Status(Result*)> work;
  std::function<Napi::Value(Napi::Env, Result&)> convert;
  // Freed last, once the promise is settled.
  std::shared_ptr<void> held;
};

template <typename Result>
Napi::Value Start(Napi::Env env, Executor* executor, Call<Result> call) {
  struct State {
    std::shared_ptr<void> held;
    rocksdb::Status status;
    Result result;
  };
  const Deferred deferred(env);
  if (deferred.promise().IsEmpty()) return deferred.promise();
  auto state = std::make_shared<State>();
  state->held = std::move(call.held);
  Addon::Of(env).jobs.Start(
      executor, {[state, work = std::move(call.work)] { state->status = work(&state->result); }},
      [=, action = std::move(call.action), convert = std::move(call.convert)](Napi::Env env) {
        deferred.Settle(state->status, action, [&] { return convert(env, state->result); });
      });
  return deferred.promise();
}

// A call whose only result is its status. Resolves with undefined.
inline Napi::Value Start(Napi::Env env, Executor* executor, std::string action,
                         std::function<rocksdb::Status()> work, std::shared_ptr<void> held) {
  struct Nothing {};
  return Start<Nothing>(
      env, executor,
      {std::move(action), [work = std::move(work)](Nothing*) { return work(); },
       [](Napi::Env env, Nothing&) -> Napi::Value { return env.Undefined(); }, std::move(held)});
}

}  // namespace cloudenv
