// A non-blocking Unix domain socket, and a pipe to wake whoever polls it. Neither ever raises SIGPIPE.
#pragma once

#include <chrono>
#include <string>

#include "bridge/file_descriptor.h"
#include "bridge/rocksdb_names.h"

namespace cloudenv {

using Deadline = std::chrono::steady_clock::time_point;

class Socket {
 public:
  static IOStatus Connect(const std::string& path, Socket* result);

  // How many of the bytes were taken or given at once: 0 when that would block, -1 when the other side is
  // gone.
  ssize_t Send(const char* bytes, size_t size);
  ssize_t Receive(char* bytes, size_t size);

  // Waits until something can be received. False at the deadline.
  bool WaitToReceive(Deadline deadline);
  // Waits until something can be received, or (when asked for) sent, or Wake was called.
  void Wait(bool to_send);
  void Wake();
  // Tells the other side that nothing follows, and everybody here that nothing comes.
  void Shutdown();

 private:
  FileDescriptor fd_;
  FileDescriptor wake_read_;
  FileDescriptor wake_write_;
};

}  // namespace cloudenv
