#include "binding/healing.h"

#include <algorithm>
#include <cstdlib>

namespace cloudenv {

using rocksdb::Status;

namespace {

// A read passes through a few blocks of each level, and several of them may be bad.
constexpr int kMaxRefetches = 32;
// The Env need not remember longer than this what it has fetched again.
constexpr std::chrono::milliseconds kMaxAge(10'000);

// Number after `label`, if `text` begins with that.
std::optional<uint64_t> NumberAfter(const std::string& label, const std::string& text) {
  if (text.compare(0, label.size(), label) != 0) return std::nullopt;
  return std::strtoull(text.c_str() + label.size(), nullptr, 10);
}

// Parses `… offset 1234 size 4000`, and `… offset 1234, expected 4005 bytes`: RocksDB's text after the name
// of a table.
void ReadPlace(const std::string& text, DamagedRange* range) {
  const auto offset = NumberAfter(" offset ", text);
  if (!offset) return;
  const size_t end = text.find_first_not_of("0123456789", sizeof(" offset ") - 1);
  if (end == std::string::npos) return;
  const std::string rest = text.substr(end);
  auto length = NumberAfter(" size ", rest);
  if (!length) length = NumberAfter(", expected ", rest);
  if (!length) return;
  // The checksum follows the block.
  constexpr uint64_t kTrailerBytes = 5;
  range->offset = *offset;
  range->length = *length + kTrailerBytes;
}

}  // namespace

bool HealedRead::TryAgain(Status* status) {
  if (!status->IsCorruption()) return false;
  const std::optional<DamagedRange> damage = FindDamage(*status);
  if (!damage) return false;
  const bool is_believed = damage_ == damage && !refetched_.is_other;
  if (is_believed || ++refetches_ > kMaxRefetches) {
    // Keeps the severity, by which RocksDB knows whether to go on.
    *status = Status(Status::Corruption(status->getState(), refetched_.advice), status->severity());
    return false;
  }
  const auto now = std::chrono::steady_clock::now();
  const auto age = std::chrono::ceil<std::chrono::milliseconds>(now - began_);
  refetched_ = Refetched();
  const Status refetched = file_system_->Refetch(*damage, std::min(age, kMaxAge), &refetched_);
  // A missing file was deleted meanwhile: to a Get, NotFound would mean that there is no such key.
  failure_ = refetched.IsIOError() ? refetched : Status::OK();
  if (!refetched.ok()) return false;
  damage_ = damage;
  began_ = std::chrono::steady_clock::now();
  return true;
}

std::string HealedRead::DamagedFile(const Status& status) const {
  const std::optional<DamagedRange> damage = FindDamage(status);
  return damage ? damage->path : "";
}

// RocksDB names the table, and the block in it; or says nothing, about a blob or a footer.
std::optional<DamagedRange> HealedRead::FindDamage(const Status& status) const {
  if (!file_system_ || status.getState() == nullptr) return std::nullopt;
  const std::string message = status.getState();
  const std::string prefix = directory_ + "/";
  for (size_t at = message.find(prefix); at != std::string::npos; at = message.find(prefix, at + 1)) {
    const size_t digits = at + prefix.size();
    const size_t dot = message.find_first_not_of("0123456789", digits);
    if (dot == std::string::npos || dot == digits) continue;
    for (const char* extension : {".sst", ".ldb", ".blob"}) {
      const std::string suffix(extension);
      if (message.compare(dot, suffix.size(), suffix) != 0) continue;
      DamagedRange range{message.substr(at, dot + suffix.size() - at)};
      ReadPlace(message.substr(dot + suffix.size()), &range);
      return range;
    }
  }
  // The Env takes CURRENT for everything in the directory.
  if (suspects_ == Suspects::kAllFiles) return DamagedRange{prefix + "CURRENT"};
  const DamagedRange& last = LastRead();
  if (last.path.compare(0, prefix.size(), prefix) != 0) return std::nullopt;
  return last;
}

}  // namespace cloudenv
