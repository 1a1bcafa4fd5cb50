#include "bridge/fence.h"

#include "bridge/path.h"

namespace cloudenv {

void Fence::Raise(const IOStatus& reason) {
  if (up_.load(std::memory_order_relaxed)) return;
  reason_ = reason;
  up_.store(true, std::memory_order_release);
}

std::shared_ptr<const Fence> Fences::For(const std::string& path) {
  const std::string directory = DirectoryOf(path);
  std::lock_guard<std::mutex> lock(mutex_);
  std::shared_ptr<Fence>& fence = by_directory_[directory];
  if (fence == nullptr) {
    fence = std::make_shared<Fence>();
    RaiseWhereDue(directory, *fence);
  }
  return fence;
}

void Fences::Raise(const std::string& directory, const IOStatus& reason) {
  std::lock_guard<std::mutex> lock(mutex_);
  raised_.emplace(directory, reason);
  for (const auto& [path, fence] : by_directory_) RaiseWhereDue(path, *fence);
}

void Fences::RaiseEverywhere(const IOStatus& reason) {
  std::lock_guard<std::mutex> lock(mutex_);
  raised_everywhere_ = reason;
  for (const auto& [path, fence] : by_directory_) fence->Raise(reason);
}

void Fences::Lower(const std::string& directory) {
  std::lock_guard<std::mutex> lock(mutex_);
  databases_.insert(directory);
  raised_.erase(directory);
  // Erases only raised fences, since a later fence has to reach the open files of the others.
  for (auto it = by_directory_.begin(); it != by_directory_.end();) {
    it = it->second->up() && DatabaseOf(it->first) == directory ? by_directory_.erase(it) : std::next(it);
  }
}

bool Fences::IsLocked(const std::string& path) {
  std::lock_guard<std::mutex> lock(mutex_);
  return !DatabaseOf(DirectoryOf(path)).empty();
}

void Fences::RaiseWhereDue(const std::string& directory, Fence& fence) {
  if (raised_everywhere_) fence.Raise(*raised_everywhere_);
  for (const auto& [fenced, reason] : raised_) {
    if (IsAtOrBelow(fenced, directory) && fenced.size() >= DatabaseOf(directory).size()) fence.Raise(reason);
  }
}

std::string Fences::DatabaseOf(const std::string& directory) const {
  for (std::string above = directory;; above = DirectoryOf(above)) {
    if (databases_.count(above) > 0) return above;
    if (above == "/") return "";
  }
}

}  // namespace cloudenv
