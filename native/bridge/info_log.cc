#include "bridge/info_log.h"

#include <cstdarg>
#include <cstdio>
#include <ctime>
#include <vector>

namespace cloudenv {

namespace {

constexpr size_t kMaxPendingBytes = 64 << 10;
constexpr std::chrono::seconds kMaxPendingAge(5);

// Beginning of a line as in RocksDB's own logger: local time with microseconds, and the thread.
std::string Prefix() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()) % 1000000;
  std::tm local{};
  localtime_r(&seconds, &local);
  char date[32];
  std::strftime(date, sizeof(date), "%Y/%m/%d-%H:%M:%S", &local);
  char prefix[96];
  std::snprintf(prefix, sizeof(prefix), "%s.%06d %llu ", date, static_cast<int>(micros.count()),
                static_cast<unsigned long long>(rocksdb::Env::Default()->GetThreadID()));
  return prefix;
}

std::string Formatted(const char* format, va_list arguments) {
  va_list measured;
  va_copy(measured, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, measured);
  va_end(measured);
  if (length <= 0) return "";
  std::vector<char> text(static_cast<size_t>(length) + 1);
  std::vsnprintf(text.data(), text.size(), format, arguments);
  return std::string(text.data(), static_cast<size_t>(length));
}

}  // namespace

IOStatus OpenInfoLog(FileSystem* file_system, const std::string& path,
                     std::shared_ptr<rocksdb::Logger>* result, IODebugContext* dbg) {
  std::unique_ptr<FSWritableFile> file;
  const IOStatus status = file_system->NewWritableFile(path, FileOptions(), &file, dbg);
  if (status.ok()) *result = std::make_shared<InfoLog>(std::move(file));
  return status;
}

InfoLog::~InfoLog() {
  if (!closed_) CloseImpl().PermitUncheckedError();
  closed_ = true;
}

void InfoLog::Logv(const char* format, va_list arguments) {
  std::string line = Prefix() + Formatted(format, arguments);
  if (line.back() != '\n') line += '\n';
  const std::lock_guard<std::mutex> lock(mutex_);
  lines_ += line;
  if (lines_.size() >= kMaxPendingBytes || std::chrono::steady_clock::now() - written_at_ >= kMaxPendingAge) {
    WriteOut();
  }
}

void InfoLog::Flush() {
  const std::lock_guard<std::mutex> lock(mutex_);
  WriteOut();
}

size_t InfoLog::GetLogFileSize() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return written_ + lines_.size();
}

rocksdb::Status InfoLog::CloseImpl() {
  const std::lock_guard<std::mutex> lock(mutex_);
  WriteOut();
  return file_->Close(IOOptions(), nullptr);
}

// Lines that cannot be written are lost: the next ones may find room.
void InfoLog::WriteOut() {
  written_at_ = std::chrono::steady_clock::now();
  if (lines_.empty()) return;
  if (file_->Append(lines_, IOOptions(), nullptr).ok()) written_ += lines_.size();
  lines_.clear();
}

}  // namespace cloudenv
