// Writes in the order in which they were issued. Those that wait for the one under way are written together.
#pragma once

#include <napi.h>
#include <rocksdb/write_batch.h>

#include <functional>
#include <memory>
#include <string>

#include "binding/database.h"
#include "binding/strand.h"

namespace cloudenv {

struct WriteMode {
  bool sync = false;
  bool disable_wal = false;

  bool operator==(const WriteMode& other) const {
    return sync == other.sync && disable_wal == other.disable_wal;
  }
};

class WriteQueue {
 public:
  WriteQueue(std::shared_ptr<Database> database, std::shared_ptr<Strand> strand)
      : database_(std::move(database)), strand_(std::move(strand)) {}

  // Adds the operations of `append` to a batch, atomically. Writes that go together share their promise.
  // Calls `use` once for each promise; the result is held until the promise is settled.
  Napi::Value Write(Napi::Env env, const WriteMode& mode, const std::string& action,
                    const std::function<void(rocksdb::WriteBatch*)>& append,
                    const std::function<std::shared_ptr<void>()>& use);

 private:
  struct Group;

  bool Join(const WriteMode& mode, const std::function<void(rocksdb::WriteBatch*)>& append);

  const std::shared_ptr<Database> database_;
  const std::shared_ptr<Strand> strand_;
  std::shared_ptr<Group> last_group_;
};

}  // namespace cloudenv
