#include "binding/manifest_limit.h"

#include <rocksdb/slice.h>

#include <algorithm>
#include <vector>

namespace cloudenv {

namespace {

// A file takes some 70 bytes and its two outermost keys.
constexpr uint64_t kMaxBytesPerFile = 2048;
// Some 5,000 files. A smaller MANIFEST costs little, whatever its limit.
constexpr uint64_t kLarge = 512 << 10;
// The Env takes 256 MiB at most.
constexpr uint64_t kMost = 192 << 20;

// Most bytes that a new MANIFEST may begin with. The present one began with as much, or has grown to it. The
// number of files bounds it too: a MANIFEST that has grown lets the next one grow a little further.
uint64_t SnapshotBytes(rocksdb::Env* env, const std::string& directory) {
  std::vector<std::string> names;
  if (!env->GetChildren(directory, &names).ok()) return 0;
  uint64_t files = 0;
  uint64_t manifest_bytes = 0;
  for (const std::string& name : names) {
    const rocksdb::Slice slice(name);
    if (slice.ends_with(".sst") || slice.ends_with(".blob")) ++files;
    if (!slice.starts_with("MANIFEST-")) continue;
    uint64_t bytes = 0;
    if (env->GetFileSize(directory + "/" + name, &bytes).ok())
      manifest_bytes = std::max(manifest_bytes, bytes);
  }
  return std::min(manifest_bytes, files * kMaxBytesPerFile);
}

}  // namespace

uint64_t ManifestLimit(rocksdb::Env* env, const std::string& directory, uint64_t limit) {
  const uint64_t bytes = SnapshotBytes(env, directory);
  const uint64_t raised = std::min(bytes + bytes / 4, kMost);
  return bytes < kLarge ? limit : std::max(limit, raised);
}

}  // namespace cloudenv
