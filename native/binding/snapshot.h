// A view of the database as it was at one moment.
#pragma once

#include <rocksdb/snapshot.h>

#include <memory>
#include <utility>

#include "binding/database.h"

namespace cloudenv {

class Snapshot : public Dependent {
 public:
  explicit Snapshot(std::shared_ptr<Database> database)
      : database_(std::move(database)), snapshot_(database_->db()->GetSnapshot()) {
    database_->Add(this);
  }
  ~Snapshot() override { database_->Remove(this); }

  // Null once released.
  const rocksdb::Snapshot* get() const { return snapshot_; }

  void Release() override {
    if (snapshot_ != nullptr) database_->db()->ReleaseSnapshot(snapshot_);
    snapshot_ = nullptr;
  }

 private:
  const std::shared_ptr<Database> database_;
  const rocksdb::Snapshot* snapshot_;
};

}  // namespace cloudenv
