// RocksDB recovers by itself from background errors that may pass, where Patience could not keep them from
// it. A call that met such an error can be tried again until then.
#pragma once

#include <rocksdb/listener.h>
#include <rocksdb/status.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>

namespace cloudenv {

class ErrorRecovery : public rocksdb::EventListener {
 public:
  const char* Name() const override { return "rocksdb-cloud-env.ErrorRecovery"; }

  // Calls `call` until it succeeds, fails for good, or `timeout` has passed.
  rocksdb::Status Retry(const std::function<rocksdb::Status()>& call, std::chrono::milliseconds timeout);

  // Ends every Retry, those to come too, with the error it has.
  void Stop();

  // Whether an error has ended all writing until the database is opened again.
  bool has_failed() const { return has_failed_; }

  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override;
  void OnErrorRecoveryEnd(const rocksdb::BackgroundErrorRecoveryInfo& info) override;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<int> attempts_ended_{0};
  bool stopped_ = false;
  std::atomic<bool> has_failed_{false};
};

}  // namespace cloudenv
