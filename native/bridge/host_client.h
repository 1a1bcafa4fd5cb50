// Client of an Env host: requests, the result of the hand-shake, fences and evictions. One per socket path of
// a process; open files share it with the file system.
#pragma once

#include <memory>
#include <string>

#include "bridge/connection.h"
#include "bridge/evictions.h"
#include "bridge/fence.h"

namespace cloudenv {

class HostClient final : private ConnectionListener {
 public:
  // The client of the host that listens on this socket: the connected one, or a new one if there is none or
  // its host is gone.
  static IOStatus Connect(const std::string& socket_path, std::shared_ptr<HostClient>* result);

  // Sends a request and waits for its answer.
  IOStatus Call(Request request, const Connection::Decoder& decode = {});
  // Sends a message that has no answer.
  void Notify(Request request) { connection_.Notify(std::move(request)); }

  Connection& connection() { return connection_; }
  Fences& fences() { return fences_; }
  Evictions& evictions() { return evictions_; }

  // Calls `write`, which writes so many bytes to a local file, until it finds room or this host makes no more
  // of it: others may be quicker to take it. It is tried once more then: others may have given some back.
  template <typename Write>
  IOStatus WithRoom(const std::string& path, uint64_t bytes, const Write& write) {
    IOStatus status = write();
    for (bool is_made = true; status.IsNoSpace() && is_made; status = write()) {
      is_made = MakeRoom(path, bytes);
    }
    return status;
  }

  // Reports whether the local file system serves files of this name without asking.
  bool IsLocalName(const std::string& path) const;
  bool local_locks() const { return greeting_.local_locks; }

 private:
  explicit HostClient(const std::string& socket_path) : connection_(socket_path, this) {}

  // Asks the host for room. True if some was made, so that the write is worth another try.
  bool MakeRoom(const std::string& path, uint64_t bytes);

  void OnFenced(const std::string& directory, const std::string& message) override;
  void OnEvicted(uint32_t handle, uint32_t generation) override;
  void OnGone(const IOStatus& reason) override;

  Greeting greeting_;
  Fences fences_;
  Evictions evictions_;
  // Last, so that its thread ends before everything that it uses.
  Connection connection_;
};

}  // namespace cloudenv
