#include "bridge/host_client.h"

#include <algorithm>
#include <map>

#include "bridge/path.h"

namespace cloudenv {

IOStatus HostClient::Connect(const std::string& socket_path, std::shared_ptr<HostClient>* result) {
  // Never destroyed: a file system may outlive the statics of its library.
  static auto& mutex = *new std::mutex;
  static auto& clients = *new std::map<std::string, std::weak_ptr<HostClient>>;

  const std::string path = NormalizePath(socket_path);
  std::lock_guard<std::mutex> lock(mutex);
  *result = clients[path].lock();
  if (*result != nullptr && (*result)->connection_.alive()) return IOStatus::OK();
  result->reset(new HostClient(path));
  const IOStatus status = (*result)->connection_.Open(&(*result)->greeting_);
  if (status.ok()) {
    clients[path] = *result;
  } else {
    result->reset();
    clients.erase(path);
  }
  return status;
}

IOStatus HostClient::Call(Request request, const Connection::Decoder& decode) {
  return Exchange(connection_, std::move(request)).Answer(decode);
}

bool HostClient::MakeRoom(const std::string& path, uint64_t bytes) {
  bool is_freed = false;
  const IOStatus status = Call(Request(Op::kMakeRoom).String(path).U64(bytes),
                               [&](PayloadReader& payload) { is_freed = payload.Bool(); });
  return status.ok() && is_freed;
}

bool HostClient::IsLocalName(const std::string& path) const {
  const std::string name = BaseNameOf(path);
  return std::any_of(greeting_.local_names.begin(), greeting_.local_names.end(),
                     [&](const std::string& glob) { return MatchesGlob(glob, name); });
}

void HostClient::OnFenced(const std::string& directory, const std::string& message) {
  fences_.Raise(NormalizePath(directory), IOStatus::IOFenced(message));
}

void HostClient::OnEvicted(uint32_t handle, uint32_t generation) { evictions_.Deliver(handle, generation); }

void HostClient::OnGone(const IOStatus& reason) { fences_.RaiseEverywhere(reason); }

}  // namespace cloudenv
