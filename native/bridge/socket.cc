#include "bridge/socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace cloudenv {

namespace {

#ifdef MSG_NOSIGNAL
constexpr int kSendFlags = MSG_NOSIGNAL;
#else
constexpr int kSendFlags = 0;  // SO_NOSIGPIPE is set instead.
#endif

bool SetUp(int fd) {
#ifdef SO_NOSIGPIPE
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
#endif
  return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

ssize_t AtOnce(ssize_t result) {
  if (result >= 0) return result;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
}

IOStatus CannotConnect(const std::string& path, const std::string& reason) {
  return IOStatus::IOError("no Env host can be reached on " + path + " (" + reason +
                           "): start one, or correct the path of its socket");
}

}  // namespace

IOStatus Socket::Connect(const std::string& path, Socket* result) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return CannotConnect(
        path, "a socket's path has at most " + std::to_string(sizeof(address.sun_path) - 1) + " bytes");
  }
  std::memcpy(address.sun_path, path.data(), path.size());

  Socket socket;
  socket.fd_ = FileDescriptor(::socket(AF_UNIX, SOCK_STREAM, 0));
  int pipe_ends[2];
  if (!socket.fd_.valid() || pipe(pipe_ends) != 0) return CannotConnect(path, std::strerror(errno));
  socket.wake_read_ = FileDescriptor(pipe_ends[0]);
  socket.wake_write_ = FileDescriptor(pipe_ends[1]);
  if (!SetUp(socket.fd_.get()) || !SetUp(pipe_ends[0]) || !SetUp(pipe_ends[1]) ||
      connect(socket.fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return CannotConnect(path, std::strerror(errno));
  }
  *result = std::move(socket);
  return IOStatus::OK();
}

ssize_t Socket::Send(const char* bytes, size_t size) {
  return AtOnce(send(fd_.get(), bytes, size, kSendFlags));
}

ssize_t Socket::Receive(char* bytes, size_t size) {
  const ssize_t received = recv(fd_.get(), bytes, size, 0);
  return received == 0 ? -1 : AtOnce(received);
}

bool Socket::WaitToReceive(Deadline deadline) {
  using std::chrono::milliseconds;
  pollfd events = {fd_.get(), POLLIN, 0};
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    if (poll(&events, 1, static_cast<int>(left.count())) > 0) return true;
  }
}

void Socket::Wait(bool to_send) {
  pollfd events[2] = {{fd_.get(), POLLIN, 0}, {wake_read_.get(), POLLIN, 0}};
  if (to_send) events[0].events |= POLLOUT;
  poll(events, 2, -1);
  char drained[64];
  if (events[1].revents != 0) (void)!read(wake_read_.get(), drained, sizeof(drained));
}

void Socket::Wake() {
  // A full pipe wakes as well.
  (void)!write(wake_write_.get(), "", 1);
}

void Socket::Shutdown() { shutdown(fd_.get(), SHUT_RDWR); }

}  // namespace cloudenv
