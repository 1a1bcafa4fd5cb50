// Hands the host's EVICTED messages to the open sparse files.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>

namespace cloudenv {

class EvictionListener {
 public:
  // Must not wait for a read, nor for the host.
  virtual void OnEvicted(uint32_t generation) = 0;

 protected:
  ~EvictionListener() = default;
};

class Evictions {
 public:
  // Held from before a request for a file until it is registered: the host may evict what it has just
  // answered, and the message may come before the registration.
  class Opening {
   public:
    explicit Opening(Evictions& evictions);
    Opening(const Opening&) = delete;
    ~Opening();

   private:
    Evictions& evictions_;
  };

  // From here on the listener hears of the evictions of its file, and at once of an early one.
  void Register(uint32_t handle, EvictionListener* listener);
  // Returns once no call to the listener is under way, and none will come.
  void Unregister(uint32_t handle, EvictionListener* listener);

  void Deliver(uint32_t handle, uint32_t generation);

 private:
  std::mutex mutex_;
  std::map<uint32_t, EvictionListener*> listeners_;
  int openings_ = 0;
  // Latest early message by handle: those that came while files were being opened and match no known file.
  std::map<uint32_t, uint32_t> early_;
};

}  // namespace cloudenv
