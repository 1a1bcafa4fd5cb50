// The tables that compactions are writing, by path. Thread-safe.
#pragma once

#include <rocksdb/listener.h>

#include <mutex>
#include <set>
#include <string>

namespace cloudenv {

class CompactionOutputs : public rocksdb::EventListener {
 public:
  const char* Name() const override { return "rocksdb-cloud-env.CompactionOutputs"; }

  bool Has(const std::string& path) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return paths_.count(path) > 0;
  }

  void OnTableFileCreationStarted(const rocksdb::TableFileCreationBriefInfo& info) override {
    if (info.reason == rocksdb::TableFileCreationReason::kCompaction) Add(info.file_path);
  }
  void OnTableFileCreated(const rocksdb::TableFileCreationInfo& info) override { Remove(info.file_path); }
  void OnBlobFileCreationStarted(const rocksdb::BlobFileCreationBriefInfo& info) override {
    if (info.reason == rocksdb::BlobFileCreationReason::kCompaction) Add(info.file_path);
  }
  void OnBlobFileCreated(const rocksdb::BlobFileCreationInfo& info) override { Remove(info.file_path); }

 private:
  void Add(const std::string& path) {
    const std::lock_guard<std::mutex> lock(mutex_);
    paths_.insert(path);
  }
  void Remove(const std::string& path) {
    const std::lock_guard<std::mutex> lock(mutex_);
    paths_.erase(path);
  }

  std::mutex mutex_;
  std::set<std::string> paths_;
};

}  // namespace cloudenv
