// A non-blocking Unix domain socket, and a pipe to wake the thread that polls it. Neither raises SIGPIPE.
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

  // Number of bytes that were sent or received at once: 0 if that would block, -1 if the other side is gone.
  ssize_t Send(const char* bytes, size_t size);
  ssize_t Receive(char* bytes, size_t size);

  // Waits until something can be received. False at the deadline.
  bool WaitToReceive(Deadline deadline);
  // Waits until something can be received, or (if requested) sent, or until Wake is called.
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
