// Second read of data that RocksDB found damaged, past the host's local bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "bridge/host_client.h"

namespace cloudenv {

// Range of a file. A length of 0 means that the place is unknown.
struct DamagedRange {
  std::string path;
  uint64_t offset = 0;
  uint64_t length = 0;

  bool operator==(const DamagedRange& other) const {
    return path == other.path && offset == other.offset && length == other.length;
  }
};

struct Refetched {
  // True if the next read is certain to find other bytes.
  bool is_other = false;
  // Advice if the next read finds the same damage.
  std::string advice;
};

// For a read that RocksDB repeats because it just found its data damaged (IsReadAgain).
constexpr std::chrono::milliseconds kAgeOfReadAgain(1000);

// REFETCH. `age` is the time since the read of the damaged bytes began.
IOStatus Refetch(HostClient& host, const DamagedRange& range, std::chrono::milliseconds age,
                 Refetched* result);

// The range of a table or blob file of an Env that this thread read last: RocksDB does not always say what it
// found damaged. The path is empty if there is none.
const DamagedRange& LastRead();
void SetLastRead(const std::string& path, uint64_t offset, uint64_t length);

}  // namespace cloudenv
