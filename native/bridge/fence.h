// Fences keep a displaced owner from writing on: once the host says that a directory belongs to somebody
// else, every write below it fails, those to local names included, which the host never sees.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "bridge/rocksdb_names.h"

namespace cloudenv {

// What every open file of one directory checks before it writes. Once up it stays up: a file that was opened
// by a displaced owner never becomes writable again, whoever takes the lock later.
class Fence {
 public:
  IOStatus Check() const { return up_.load(std::memory_order_acquire) ? reason_ : IOStatus::OK(); }

 private:
  friend class Fences;
  void Raise(const IOStatus& reason);

  std::atomic<bool> up_{false};
  IOStatus reason_;
};

// The fences of one connection. Paths are normalized.
class Fences {
 public:
  // The fence for the file at `path`.
  std::shared_ptr<const Fence> For(const std::string& path);

  // Files at or below `directory` take no write any more.
  void Raise(const std::string& directory, const IOStatus& reason);
  // No file takes a write any more, ever.
  void RaiseEverywhere(const IOStatus& reason);
  // The lock of `directory` was taken anew: files opened from now on may be written.
  void Lower(const std::string& directory);

 private:
  void RaiseWhereDue(const std::string& directory, Fence& fence);

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Fence>> by_directory_;
  std::map<std::string, IOStatus> raised_;
};

}  // namespace cloudenv
