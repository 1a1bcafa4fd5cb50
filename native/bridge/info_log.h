// RocksDB's info log (LOG), written so that a full disk costs lines and nothing else. After a failed write,
// RocksDB's own logger runs into an assertion, which ends the process if librocksdb was built with
// assertions, as Debian's is.
#pragma once

#include <rocksdb/env.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "bridge/rocksdb_names.h"

namespace cloudenv {

// Creates the log at `path` through `file_system`.
IOStatus OpenInfoLog(FileSystem* file_system, const std::string& path,
                     std::shared_ptr<rocksdb::Logger>* result, IODebugContext* dbg);

// Thread-safe. Lines reach the file once some have gathered, with the next line after a few seconds, and with
// Flush: the last lines of an idle database wait for one of these.
class InfoLog final : public rocksdb::Logger {
 public:
  explicit InfoLog(std::unique_ptr<FSWritableFile> file) : file_(std::move(file)) {}
  ~InfoLog() override;

  using Logger::Logv;
  void Logv(const char* format, va_list arguments) override;
  void Flush() override;
  size_t GetLogFileSize() const override;

 private:
  rocksdb::Status CloseImpl() override;
  void WriteOut();

  mutable std::mutex mutex_;
  const std::unique_ptr<FSWritableFile> file_;
  std::string lines_;
  size_t written_ = 0;
  std::chrono::steady_clock::time_point written_at_ = std::chrono::steady_clock::now();
};

}  // namespace cloudenv
