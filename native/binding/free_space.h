// Free space of a disk, looked up now and then.
#pragma once

#include <sys/statvfs.h>

#include <atomic>
#include <chrono>
#include <string>

namespace cloudenv {

// Thread-safe.
class FreeSpace {
 public:
  explicit FreeSpace(std::string path) : path_(std::move(path)) {}

  // True if less is free than RocksDB can fill within one stalled write, or if the system does not say.
  bool IsLow() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    auto due = due_.load(std::memory_order_relaxed);
    constexpr auto kInterval = std::chrono::steady_clock::duration(std::chrono::milliseconds(50)).count();
    if (now >= due && due_.compare_exchange_strong(due, now + kInterval, std::memory_order_relaxed)) {
      struct statvfs disk {};
      const bool is_known = statvfs(path_.c_str(), &disk) == 0;
      const auto free = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
      is_low_.store(!is_known || free < kLowBytes, std::memory_order_relaxed);
    }
    return is_low_.load(std::memory_order_relaxed);
  }

 private:
  static constexpr uint64_t kLowBytes = uint64_t{1} << 30;

  const std::string path_;
  std::atomic<std::chrono::steady_clock::rep> due_{0};
  std::atomic<bool> is_low_{true};
};

}  // namespace cloudenv
