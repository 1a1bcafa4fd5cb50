// Healing of compactions: one that met damage runs again once the damage is healed. RocksDB would stop all
// writing.
#pragma once

#include <rocksdb/listener.h>
#include <rocksdb/status.h>

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "binding/healing.h"

namespace cloudenv {

// Thread-safe. Comes before any other listener that is to see only errors that count.
class CompactionHealing : public rocksdb::EventListener {
 public:
  explicit CompactionHealing(const Healing& healing) : healing_(healing) {}
  ~CompactionHealing() override { failure_.PermitUncheckedError(); }

  const char* Name() const override { return "rocksdb-cloud-env.CompactionHealing"; }

  // Calls `compact`, which waits for a compaction, again as long as the damage that it met is healed. Returns
  // the compaction's error with advice about the damage, which RocksDB reports only to its listeners.
  rocksdb::Status Retry(const std::function<rocksdb::Status()>& compact);

  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override;
  void OnCompactionCompleted(rocksdb::DB* db, const rocksdb::CompactionJobInfo& info) override;
  void OnTableFileDeleted(const rocksdb::TableFileDeletionInfo& info) override { Forget(info.file_path); }
  void OnBlobFileDeleted(const rocksdb::BlobFileDeletionInfo& info) override { Forget(info.file_path); }

 private:
  void Forget(const std::string& file_path);

  const Healing healing_;
  std::mutex mutex_;
  // Reads by path, kept until the file is deleted: compactions of other files may succeed in between, without
  // end.
  std::map<std::string, HealedRead> damaged_files_;
  rocksdb::Status failure_;  // Of the last compaction that met damage.
  int healed_ = 0;
};

}  // namespace cloudenv
