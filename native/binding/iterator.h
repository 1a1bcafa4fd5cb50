// Reads a range of a column family in chunks. Knows nothing of JavaScript.
#pragma once

#include <rocksdb/options.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "binding/database.h"
#include "binding/scan.h"
#include "binding/snapshot.h"

namespace cloudenv {

struct IteratorRange {
  std::optional<std::string> lower;  // Inclusive.
  std::optional<std::string> upper;  // Exclusive.
  bool reverse = false;
};

// Entries one after another, in one piece of memory: key, value, key, value. One allocation per chunk, and
// one object for JavaScript, whatever the number of entries.
struct Chunk {
  std::string bytes;
  std::vector<uint32_t> lengths;
  bool finished = false;

  // Not for an empty chunk.
  rocksdb::Slice LastKey() const;
};

// Allows one Read at a time.
class Iterator : public Dependent {
 public:
  // Sees what `snapshot` sees, and holds it: RocksDB uses it again with every table that it comes to.
  Iterator(std::shared_ptr<Database> database, ColumnFamily family, std::shared_ptr<Snapshot> snapshot,
           IteratorRange range, bool fill_cache);
  ~Iterator() override { database_->Remove(this); }

  // Reads at least one entry if there is one, and no more than either limit allows.
  rocksdb::Status Read(size_t max_entries, size_t max_bytes, Chunk* chunk);

  void Release() override;

 private:
  rocksdb::Status ReadOn(size_t max_entries, size_t max_bytes, Chunk* chunk);
  void ResumeAfter(std::optional<std::string> key);
  rocksdb::Status Open();

  const std::shared_ptr<Database> database_;
  ColumnFamily family_;
  const std::shared_ptr<Snapshot> snapshot_;
  const IteratorRange range_;
  rocksdb::Slice lower_;
  rocksdb::Slice upper_;
  rocksdb::ReadOptions read_options_;
  std::optional<std::string> last_key_;  // The last one that was handed out.
  std::optional<std::string> resume_after_;
  std::unique_ptr<Scan> scan_;
};

}  // namespace cloudenv
