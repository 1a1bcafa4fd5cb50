// Repeats reads that RocksDB finds damaged, once the Env has looked for other bytes of the damaged range:
// its local bytes may be bad and the store's good. Only bytes that are still damaged then count as damaged.
#pragma once

#include <rocksdb/status.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "bridge/hosted_file_system.h"

namespace cloudenv {

// One read that is repeated until it is sound. For compactions, all reads of one file.
class HealedRead {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Files that may be damaged if RocksDB does not say which: it reads a few at the same time when it opens a
  // database, and otherwise one after another.
  enum class Suspects { kLastRead, kAllFiles };

  // Heals nothing if `file_system` is null: plain files have no other bytes. The others lie in `directory`.
  HealedRead(std::shared_ptr<HostedFileSystem> file_system, std::string directory, Time began,
             Suspects suspects = Suspects::kLastRead)
      : file_system_(std::move(file_system)),
        directory_(std::move(directory)),
        suspects_(suspects),
        began_(began) {}
  ~HealedRead() { failure_.PermitUncheckedError(); }

  // Takes the error of the read. True if it should be called again; otherwise `status` is final, and says
  // what to do about the damage.
  bool TryAgain(rocksdb::Status* status);

  // Path of the file that the read failed on; empty if unknown.
  std::string DamagedFile(const rocksdb::Status& status) const;

  // Error of the Env if it could not look for other bytes.
  const rocksdb::Status& failure() const { return failure_; }

 private:
  std::optional<DamagedRange> FindDamage(const rocksdb::Status& status) const;

  const std::shared_ptr<HostedFileSystem> file_system_;
  const std::string directory_;
  const Suspects suspects_;
  Time began_;
  int refetches_ = 0;
  std::optional<DamagedRange> damage_;
  Refetched refetched_;
  rocksdb::Status failure_;
};

// Thread-safe.
class Healing {
 public:
  Healing() = default;
  Healing(std::shared_ptr<HostedFileSystem> file_system, std::string directory)
      : file_system_(std::move(file_system)), directory_(std::move(directory)) {}

  // Calls `read`, and calls it again while its data is found damaged.
  template <typename Call>
  rocksdb::Status Read(const Call& read,
                       HealedRead::Suspects suspects = HealedRead::Suspects::kLastRead) const {
    const auto began = std::chrono::steady_clock::now();
    rocksdb::Status status = read();
    if (!status.IsCorruption() || !file_system_) return status;
    HealedRead healed(file_system_, directory_, began, suspects);
    while (healed.TryAgain(&status)) status = read();
    return healed.failure().ok() ? status : healed.failure();
  }
  HealedRead Begin(HealedRead::Time began) const { return HealedRead(file_system_, directory_, began); }

 private:
  std::shared_ptr<HostedFileSystem> file_system_;
  std::string directory_;
};

}  // namespace cloudenv
