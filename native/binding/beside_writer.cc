#include "binding/beside_writer.h"

#include <rocksdb/env.h>

#include <algorithm>
#include <vector>

namespace cloudenv {

using rocksdb::Status;

namespace {

// About one opening in twenty fails beside a busy writer.
constexpr int kMaxAttempts = 10;

// Empty if there is no such directory, as with an Env that keeps everything elsewhere.
std::vector<std::string> SortedNames(const std::string& path) {
  std::vector<std::string> names;
  rocksdb::Env::Default()->GetChildren(path, &names).PermitUncheckedError();
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

Status OpenBesideWriter(const std::string& path, const std::function<Status()>& open) {
  for (int attempt = 1;; ++attempt) {
    const std::vector<std::string> before = SortedNames(path);
    Status status = open();
    if (status.ok() || attempt == kMaxAttempts) return status;
    const std::vector<std::string> after = SortedNames(path);
    // A damaged database stays damaged: opening it again is no use.
    if (std::includes(after.begin(), after.end(), before.begin(), before.end())) return status;
  }
}

}  // namespace cloudenv
