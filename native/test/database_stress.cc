// Writes, reads, flushes, compacts and changes the families of one database from many threads while its disk
// fills up and empties, then looks whether all that was acknowledged is there. Meant for the sanitizers, and
// an empty small disk:
//
//   cmake -S native -B build/tsan -DCLOUDENV_SANITIZE=thread -DCLOUDENV_STRESS=ON && cmake --build build/tsan
//   -j2 && mount -t tmpfs -o size=16m tmpfs /mnt
//   TSAN_OPTIONS=ignore_noninstrumented_modules=1 build/tsan/database_stress /mnt
//
// The system's librocksdb is not instrumented, so that what its threads hand over by atomics looks like a
// race.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "binding/database.h"
#include "binding/iterator.h"
#include "bridge/file_descriptor.h"

namespace cloudenv {
namespace {

using rocksdb::Status;

constexpr int kRounds = 3;
constexpr int kWriters = 3;
constexpr int kRefusals = 20;

void Check(bool holds, const std::string& claim) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", claim.c_str());
  std::abort();
}

// Waits without a time limit: the person who runs this notices a hang.
template <typename Condition>
void Until(const Condition& holds) {
  while (!holds()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

std::string KeyOf(int writer, int number) { return std::to_string(writer) + "/" + std::to_string(number); }
std::string ValueOf(const std::string& key) {
  return key + std::string(800, static_cast<char>('a' + key.size() % 26));
}

OpenRequest RequestFor(const std::string& directory) {
  OpenRequest request;
  request.path = directory + "/db";
  request.db_options.create_if_missing = true;
  request.db_options.max_background_jobs = 4;
  request.family_options.write_buffer_size = 64 << 10;
  request.family_options.target_file_size_base = 64 << 10;
  request.family_options.level0_file_num_compaction_trigger = 2;
  return request;
}

std::shared_ptr<Database> Open(const std::string& directory) {
  std::shared_ptr<Database> database;
  const Status status = Database::Open(RequestFor(directory), &database);
  Check(status.ok(), status.ToString());
  return database;
}

class Stress {
 public:
  explicit Stress(const std::string& directory) : directory_(directory), database_(Open(directory)) {}

  void FillAndVerify() {
    std::vector<std::thread> threads;
    for (int writer = 0; writer < kWriters; ++writer)
      threads.emplace_back([this, writer] { WriteOn(writer); });
    threads.emplace_back([this] { Repeat([this] { Scan(); }); });
    threads.emplace_back([this] { Repeat([this] { Read(); }); });
    threads.emplace_back([this] { Repeat([this] { Flush(); }); });
    threads.emplace_back([this] { Repeat([this] { Compact(); }); });
    threads.emplace_back([this] { Repeat([this] { ChangeFamilies(); }); });
    for (int round = 0; round < kRounds; ++round) FillAndEmpty();
    stopped_ = true;
    for (std::thread& thread : threads) thread.join();
    const Status closed = database_->Close();
    Check(closed.ok(), closed.ToString());
    database_ = Open(directory_);
    for (int writer = 0; writer < kWriters; ++writer) {
      for (const std::string& key : acknowledged_[writer]) {
        std::string value;
        const Status status = database_->db()->Get(rocksdb::ReadOptions(), key, &value);
        Check(status.ok() && value == ValueOf(key),
              key + " was acknowledged, and is there: " + status.ToString());
      }
      std::printf("writer %d: %zu acknowledged\n", writer, acknowledged_[writer].size());
    }
  }

 private:
  template <typename Work>
  void Repeat(const Work& work) {
    while (!stopped_) work();
  }

  void Expect(const Status& status) const { Check(status.ok() || status.IsNoSpace(), status.ToString()); }

  void WriteOn(int writer) {
    for (int number = 0; !stopped_; ++number) {
      const std::string key = KeyOf(writer, number);
      rocksdb::WriteBatch batch;
      batch.Put(key, ValueOf(key));
      // Old ones make room for new ones.
      if (number >= 1000) {
        batch.Delete(KeyOf(writer, number - 1000));
      }
      rocksdb::WriteOptions options;
      options.sync = number % 10 == 0;
      const Status status = Write(options, &batch);
      Expect(status);
      if (status.ok()) {
        acknowledged_[writer].push_back(key);
        if (number >= 1000) Forget(writer, KeyOf(writer, number - 1000));
        ++written_;
      } else {
        // The write may take effect all the same.
        if (number >= 1000) Forget(writer, KeyOf(writer, number - 1000));
        ++refused_;
      }
    }
  }

  // One at a time, as the binding does it.
  Status Write(const rocksdb::WriteOptions& options, rocksdb::WriteBatch* batch) {
    const std::lock_guard<std::mutex> lock(write_mutex_);
    return database_->Write(options, batch);
  }

  void Forget(int writer, const std::string& key) {
    auto& keys = acknowledged_[writer];
    if (!keys.empty() && keys.front() == key) keys.erase(keys.begin());
  }

  void Scan() {
    const auto snapshot = std::make_shared<Snapshot>(database_);
    Iterator iterator(database_, database_->family(0), snapshot, IteratorRange(), true);
    Chunk chunk;
    while (!chunk.finished && !stopped_) {
      chunk = Chunk();
      const Status status = iterator.Read(100, 1 << 20, &chunk);
      Check(status.ok(), status.ToString());
    }
  }

  void Read() {
    const auto get = [this] {
      std::string value;
      return database_->db()->Get(rocksdb::ReadOptions(), KeyOf(0, written_ / kWriters), &value);
    };
    const Status status = database_->healing().Read(get);
    Check(status.ok() || status.IsNotFound(), status.ToString());
  }

  void Flush() {
    const std::atomic<bool> written{true};
    const Status status = database_->Flush(database_->families(), std::chrono::milliseconds(200), written);
    Check(status.ok() || status.IsNoSpace() || status.IsTimedOut() || status.IsColumnFamilyDropped(),
          status.ToString());
  }

  void Compact() { Expect(database_->CompactRange(database_->family(0).get(), nullptr, nullptr)); }

  void ChangeFamilies() {
    uint32_t id = 0;
    const Status created = [&] {
      const std::lock_guard<std::mutex> lock(room_mutex_);
      return database_->CreateColumnFamily(rocksdb::ColumnFamilyOptions(), "temporary", &id);
    }();
    Expect(created);
    if (!created.ok()) return;
    Until([&] {
      const std::lock_guard<std::mutex> lock(room_mutex_);
      const Status dropped = database_->DropColumnFamily(id);
      Expect(dropped);
      return dropped.ok();
    });
  }

  void FillAndEmpty() {
    const int refused_before = refused_;
    const std::string path = directory_ + "/ballast";
    {
      const FileDescriptor ballast(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600));
      const std::string bytes(4096, 'x');
      Until([&] {
        const std::lock_guard<std::mutex> lock(room_mutex_);
        while (write(ballast.get(), bytes.data(), bytes.size()) > 0) continue;
        return refused_ >= refused_before + kRefusals;
      });
    }
    unlink(path.c_str());
    const int written_before = written_;
    Until([&] { return written_ >= written_before + 300; });
    std::printf("full and empty again: %d written, %d refused\n", written_.load(), refused_.load());
    std::fflush(stdout);
  }

  const std::string directory_;
  std::shared_ptr<Database> database_;
  std::atomic<bool> stopped_{false};
  std::mutex write_mutex_;
  // Keeps the room for a change of the families, which is refused where there is none: if others take the
  // room, the change waits for it, and so do all writes, instead of being refused.
  std::mutex room_mutex_;
  std::atomic<int> written_{0};
  std::atomic<int> refused_{0};
  std::vector<std::string> acknowledged_[kWriters];  // Each of its writer's until that has ended.
};

}  // namespace
}  // namespace cloudenv

int main(int count, char** arguments) {
  cloudenv::Check(count == 2, "the argument is a directory on a small disk");
  cloudenv::Stress(arguments[1]).FillAndVerify();
}
