// State of this addon in one JavaScript environment (the main thread, or a worker).
#pragma once

#include <napi.h>

#include <memory>
#include <unordered_set>

#include "binding/database.h"
#include "binding/jobs.h"
#include "binding/thread_pool.h"

namespace cloudenv {

class Addon {
 public:
  static void Init(Napi::Env env, Napi::Object exports);
  static Addon& Of(Napi::Env env) { return *env.GetInstanceData<Addon>(); }

  Addon(Napi::Env env, Napi::Object exports);
  ~Addon() { Shutdown(); }

  // Closes everything open, after the calls that have begun. Runs before the process exits, because RocksDB's
  // threads must not outlive its static objects, and before the environment goes.
  void Shutdown();

  Jobs jobs;
  // Each read may wait for an object store, so there are many threads, and nothing else waits behind them.
  ThreadPool read_threads;
  ThreadPool write_threads;
  std::unordered_set<std::shared_ptr<Database>> databases;

  Napi::FunctionReference error_class;
  Napi::FunctionReference database_class;
  Napi::FunctionReference iterator_class;
  Napi::FunctionReference snapshot_class;
};

}  // namespace cloudenv
