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

// Rejects with what went wrong; otherwise resolves with `value`, or rejects when making it threw.
template <typename MakeValue>
void SettlePromise(Napi::Env env, const Napi::Promise::Deferred& deferred, const rocksdb::Status& status,
                   const std::string& action, MakeValue make_value) {
  if (!status.ok()) return deferred.Reject(ErrorOf(env, status, action));
  const Napi::Value value = make_value();
  if (env.IsExceptionPending()) return deferred.Reject(env.GetAndClearPendingException().Value());
  deferred.Resolve(value);
}

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
Napi::Promise Start(Napi::Env env, Executor* executor, Call<Result> call) {
  struct State {
    std::shared_ptr<void> held;
    rocksdb::Status status;
    Result result;
  };
  auto state = std::make_shared<State>();
  state->held = std::move(call.held);
  const auto deferred = Napi::Promise::Deferred::New(env);
  Addon::Of(env).jobs.Start(
      executor, {[state, work = std::move(call.work)] { state->status = work(&state->result); }},
      [=, action = std::move(call.action), convert = std::move(call.convert)](Napi::Env env) {
        SettlePromise(env, deferred, state->status, action, [&] { return convert(env, state->result); });
      });
  return deferred.Promise();
}

// A call whose status says it all. Resolves with undefined.
inline Napi::Promise Start(Napi::Env env, Executor* executor, std::string action,
                           std::function<rocksdb::Status()> work, std::shared_ptr<void> held) {
  struct Nothing {};
  return Start<Nothing>(
      env, executor,
      {std::move(action), [work = std::move(work)](Nothing*) { return work(); },
       [](Napi::Env env, Nothing&) -> Napi::Value { return env.Undefined(); }, std::move(held)});
}

}  // namespace cloudenv
