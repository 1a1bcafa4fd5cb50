#include "binding/newer_format.h"

#include <rocksdb/version.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

namespace cloudenv {

namespace {

using rocksdb::Env;
using rocksdb::Slice;
using rocksdb::Status;

// A damaged footer hardly ever has so small a number there.
constexpr uint32_t kFirstNewer = 6;
constexpr uint32_t kLastBelievable = 30;

// Every version since 1 ends with its number and the magic number of block-based tables.
constexpr size_t kTailBytes = 12;
constexpr uint64_t kTableMagic = 0x88e241b785f4cff7;

// A look costs a read of each table. With more tables than this, the error names none.
constexpr size_t kMaxTables = 1000;

std::optional<uint32_t> NewerFormatIn(const Status& status) {
  static const std::string words = "unsupported format_version: ";
  if (!status.IsCorruption() || status.getState() == nullptr) return std::nullopt;
  const std::string message = status.getState();
  const size_t found = message.find(words);
  if (found == std::string::npos) return std::nullopt;
  const auto version = std::strtoul(message.c_str() + found + words.size(), nullptr, 10);
  if (version < kFirstNewer || version > kLastBelievable) return std::nullopt;
  return static_cast<uint32_t>(version);
}

uint64_t LittleEndian(const char* bytes, size_t size) {
  uint64_t value = 0;
  for (size_t i = size; i > 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  return value;
}

bool HasFormat(Env* env, const std::string& path, uint32_t version) {
  uint64_t size = 0;
  std::unique_ptr<rocksdb::RandomAccessFile> file;
  if (!env->GetFileSize(path, &size).ok() || size < kTailBytes) return false;
  if (!env->NewRandomAccessFile(path, &file, rocksdb::EnvOptions()).ok()) return false;
  char scratch[kTailBytes];
  Slice tail;
  if (!file->Read(size - kTailBytes, kTailBytes, &tail, scratch).ok() || tail.size() < kTailBytes)
    return false;
  return LittleEndian(tail.data(), 4) == version && LittleEndian(tail.data() + 4, 8) == kTableMagic;
}

// Empty if none is found.
std::string FindTable(Env* env, const std::string& directory, uint32_t version) {
  std::vector<std::string> names;
  if (!env->GetChildren(directory, &names).ok()) return "";
  size_t looked_at = 0;
  for (const std::string& name : names) {
    if (!Slice(name).ends_with(".sst")) continue;
    if (++looked_at > kMaxTables) return "";
    if (HasFormat(env, directory + "/" + name, version)) return name;
  }
  return "";
}

Status Explained(uint32_t version, const std::string& table) {
  const std::string needed = version == 6 ? "RocksDB 8.6 or newer" : "a newer RocksDB";
  return Status::NotSupported(
      (table.empty() ? "a table" : table) + " has format_version " + std::to_string(version) +
      ", which the linked RocksDB " + rocksdb::GetRocksVersionAsString() + " cannot read. It takes " +
      needed + "; or let the program that writes the database set format_version=5 and compact it");
}

}  // namespace

Status ExplainNewerFormat(const Status& status, Env* env, const std::string& directory) {
  const std::optional<uint32_t> version = NewerFormatIn(status);
  return version ? Explained(*version, FindTable(env, directory, *version)) : status;
}

Status ExplainNewerFormat(const Status& status) {
  const std::optional<uint32_t> version = NewerFormatIn(status);
  return version ? Explained(*version, "") : status;
}

}  // namespace cloudenv
