// The Env host as the file system sees it: requests, what the hand-shake told, fences and evictions. One for
// each socket path of a process; open files share it with the file system.
#pragma once

#include <memory>
#include <string>

#include "bridge/connection.h"
#include "bridge/evictions.h"
#include "bridge/fence.h"

namespace cloudenv {

class Host final : private ConnectionListener {
 public:
  // The host that listens on this socket: the one that is connected already, or a new connection when there
  // is none or it ended.
  static IOStatus Connect(const std::string& socket_path, std::shared_ptr<Host>* result);

  // Sends a request and waits for its answer.
  IOStatus Call(Request request, const Connection::Decoder& decode = {});
  // Sends a message that has no answer.
  void Notify(Request request) { connection_.Notify(std::move(request)); }

  Connection& connection() { return connection_; }
  Fences& fences() { return fences_; }
  Evictions& evictions() { return evictions_; }

  // Whether files of this name are served from the local file system without asking.
  bool IsLocalName(const std::string& path) const;
  bool local_locks() const { return greeting_.local_locks; }

 private:
  explicit Host(const std::string& socket_path) : connection_(socket_path, this) {}

  void OnFenced(const std::string& directory, const std::string& message) override;
  void OnEvicted(uint32_t handle, uint32_t generation) override;
  void OnGone(const IOStatus& reason) override;

  Greeting greeting_;
  Fences fences_;
  Evictions evictions_;
  // Last, so that its thread ends before what it uses.
  Connection connection_;
};

}  // namespace cloudenv
