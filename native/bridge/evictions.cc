#include "bridge/evictions.h"

namespace cloudenv {

Evictions::Opening::Opening(Evictions& evictions) : evictions_(evictions) {
  std::lock_guard<std::mutex> lock(evictions_.mutex_);
  ++evictions_.openings_;
}

Evictions::Opening::~Opening() {
  std::lock_guard<std::mutex> lock(evictions_.mutex_);
  if (--evictions_.openings_ == 0) evictions_.early_.clear();
}

void Evictions::Register(uint32_t handle, EvictionListener* listener) {
  std::lock_guard<std::mutex> lock(mutex_);
  listeners_.emplace(handle, listener);
  const auto early = early_.find(handle);
  if (early == early_.end()) return;
  listener->OnEvicted(early->second);
  early_.erase(early);
}

void Evictions::Unregister(uint32_t handle, EvictionListener* listener) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = listeners_.find(handle);
  if (found != listeners_.end() && found->second == listener) listeners_.erase(found);
}

void Evictions::Deliver(uint32_t handle, uint32_t generation) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = listeners_.find(handle);
  if (found != listeners_.end()) {
    found->second->OnEvicted(generation);
  } else if (openings_ > 0) {
    early_[handle] = generation;
  }
}

}  // namespace cloudenv
