// One connection to an Env host: many requests in flight, answers in any order, and unasked messages from the
// host.
//
// Its own thread receives. It also sends data that the socket would not take at once, so that nobody ever
// blocks on a host that does not read because nobody reads from it.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "bridge/frame_buffer.h"
#include "bridge/rocksdb_names.h"
#include "bridge/socket.h"
#include "bridge/wire.h"

namespace cloudenv {

// Unasked messages from the host. Called on the connection's own thread, except OnGone.
class ConnectionListener {
 public:
  virtual void OnFenced(const std::string& directory, const std::string& message) = 0;
  virtual void OnEvicted(uint32_t handle, uint32_t generation) = 0;
  // Called once, on any thread, which must not use the connection meanwhile: every request fails from now on.
  virtual void OnGone(const IOStatus& reason) = 0;

 protected:
  ~ConnectionListener() = default;
};

// The host's part of the hand-shake.
struct Greeting {
  bool local_locks = false;
  std::vector<std::string> local_names;
};

class Exchange;

class Connection {
 public:
  // Reads the payload of a RESULT completely, or the connection ends.
  using Decoder = std::function<void(PayloadReader&)>;

  // The listener outlives the connection.
  Connection(const std::string& socket_path, ConnectionListener* listener);
  ~Connection();

  // Connects and shakes hands, once. Fails if the host has not answered within 10 s.
  IOStatus Open(Greeting* greeting);

  // Sends a message that has no answer. Does nothing if the host is gone.
  void Notify(Request request);

  // False once the host is gone.
  bool alive() const;

 private:
  friend class Exchange;

  IOStatus ShakeHands(Greeting* greeting);
  IOStatus ReadGreeting(const Slice& body, Greeting* greeting) const;

  void ServeSocket();
  bool ReceiveFrames();
  bool Dispatch(const Slice& body);
  bool DispatchMessage(Op op, PayloadReader payload);

  void Begin(Request& request, Exchange* exchange);
  void Send(const std::string& frame);
  bool FlushOutbox(bool* blocked);

  // Ends the connection. Only the first reason counts.
  void End(const std::string& reason);

  const std::string socket_path_;
  ConnectionListener* const listener_;
  Socket socket_;
  FrameBuffer input_;
  std::thread thread_;

  std::mutex outbox_mutex_;
  std::string outbox_;

  mutable std::mutex mutex_;
  bool ended_ = false;
  IOStatus reason_;
  uint32_t last_id_ = 0;
  std::unordered_map<uint32_t, Exchange*> in_flight_;
};

// A request in flight: sent on construction, and waited for on destruction at the latest.
class Exchange {
 public:
  Exchange(Connection& connection, Request request);
  Exchange(const Exchange&) = delete;
  ~Exchange() { Wait(); }

  // Waits for the answer. Decodes a RESULT; returns an ERROR.
  IOStatus Answer(const Connection::Decoder& decode);

 private:
  friend class Connection;

  void Wait();
  void Complete(Op op, const Slice& payload);

  Connection& connection_;
  // The connection's mutex guards all members below until answered_.
  std::condition_variable changed_;
  bool answered_ = false;
  Op op_ = Op::kResult;
  std::string payload_;
  IOStatus failure_;
};

}  // namespace cloudenv
