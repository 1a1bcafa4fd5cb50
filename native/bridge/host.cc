#include "bridge/host.h"

#include <algorithm>
#include <map>

#include "bridge/path.h"

namespace cloudenv {

IOStatus Host::Connect(const std::string& socket_path, std::shared_ptr<Host>* result) {
  // Never destroyed: a file system may outlive the statics of its library.
  static auto& mutex = *new std::mutex;
  static auto& hosts = *new std::map<std::string, std::weak_ptr<Host>>;

  const std::string path = NormalizePath(socket_path);
  std::lock_guard<std::mutex> lock(mutex);
  *result = hosts[path].lock();
  if (*result != nullptr && (*result)->connection_.alive()) return IOStatus::OK();
  result->reset(new Host(path));
  const IOStatus status = (*result)->connection_.Open(&(*result)->greeting_);
  if (status.ok()) {
    hosts[path] = *result;
  } else {
    result->reset();
    hosts.erase(path);
  }
  return status;
}

IOStatus Host::Call(Request request, const Connection::Decoder& decode) {
  return Exchange(connection_, std::move(request)).Answer(decode);
}

bool Host::IsLocalName(const std::string& path) const {
  const std::string name = BaseNameOf(path);
  return std::any_of(greeting_.local_names.begin(), greeting_.local_names.end(),
                     [&](const std::string& glob) { return MatchesGlob(glob, name); });
}

void Host::OnFenced(const std::string& directory, const std::string& message) {
  fences_.Raise(NormalizePath(directory), IOStatus::IOFenced(message));
}

void Host::OnEvicted(uint32_t handle, uint32_t generation) { evictions_.Deliver(handle, generation); }

void Host::OnGone(const IOStatus& reason) { fences_.RaiseEverywhere(reason); }

}  // namespace cloudenv
