// Fences keep a displaced owner from writing on: once the host says that a directory belongs to somebody
// else, every write to its database fails, even to local names, which the host never sees.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "bridge/rocksdb_names.h"

namespace cloudenv {

// Checked by every open file of one directory before it writes. Once up it stays up: a file that a displaced
// owner opened never becomes writable again, whoever takes the lock later.
class Fence {
 public:
  bool up() const { return up_.load(std::memory_order_acquire); }
  IOStatus Check() const { return up() ? reason_ : IOStatus::OK(); }

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

  // Files of the database in `directory` accept no write any more: those there and below, except those of
  // other databases below.
  void Raise(const std::string& directory, const IOStatus& reason);
  // No file ever accepts a write any more.
  void RaiseEverywhere(const IOStatus& reason);
  // The lock of `directory` was taken: it is a database, and its files that are opened from now on may be
  // written.
  void Lower(const std::string& directory);
  // Reports whether the file at `path` belongs to a database that was locked on this connection.
  bool IsLocked(const std::string& path);

 private:
  void RaiseWhereDue(const std::string& directory, Fence& fence);
  // The database that `directory` belongs to: the innermost one at or above it. Empty if none is known.
  std::string DatabaseOf(const std::string& directory) const;

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Fence>> by_directory_;
  std::map<std::string, IOStatus> raised_;
  std::optional<IOStatus> raised_everywhere_;
  // Every database that was ever locked on this connection.
  std::set<std::string> databases_;
};

}  // namespace cloudenv
