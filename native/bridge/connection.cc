#include "bridge/connection.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>

#include "bridge/error.h"

namespace cloudenv {

namespace {

constexpr std::chrono::seconds kHandShakeTimeout(10);

std::string ThisProgram() {
#ifdef __GLIBC__
  const char* name = program_invocation_short_name;
#else
  const char* name = getprogname();
#endif
  return std::string(name) + " (pid " + std::to_string(getpid()) + ")";
}

// A thread that takes no signals: those belong to the program.
std::thread QuietThread(const std::function<void()>& body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(body);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

Connection::Connection(const std::string& socket_path, ConnectionListener* listener)
    : socket_path_(socket_path), listener_(listener) {}

Connection::~Connection() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
  }
  socket_.Wake();
  thread_.join();
}

IOStatus Connection::Open(Greeting* greeting) {
  IOStatus status = Socket::Connect(socket_path_, &socket_);
  if (status.ok()) status = ShakeHands(greeting);
  if (status.ok()) thread_ = QuietThread([this] { ServeSocket(); });
  return status;
}

void Connection::Notify(Request request) {
  if (alive()) Send(request.Frame(0));
}

bool Connection::alive() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return !ended_;
}

IOStatus Connection::ShakeHands(Greeting* greeting) {
  const Deadline deadline = std::chrono::steady_clock::now() + kHandShakeTimeout;
  Request hello(Op::kHello);
  hello.U32(kMagic).U16(kProtocolVersion).String(ThisProgram());
  Send(hello.Frame(1));
  for (;;) {
    Slice body;
    switch (input_.Take(&body)) {
      case FrameBuffer::Next::kFrame:
        return ReadGreeting(body, greeting);
      case FrameBuffer::Next::kMalformed:
        return IOStatus::IOError("what listens on " + socket_path_ + " is not an Env host: correct the path");
      case FrameBuffer::Next::kIncomplete:
        break;
    }
    if (!socket_.WaitToReceive(deadline)) {
      return IOStatus::IOError("the Env host on " + socket_path_ +
                               " has not answered within 10 s: see whether it still runs, or start another");
    }
    size_t room;
    char* to = input_.Room(&room);
    const ssize_t received = socket_.Receive(to, room);
    if (received < 0) return HostGone(socket_path_, "it closed the connection instead of greeting");
    input_.Received(received);
  }
}

IOStatus Connection::ReadGreeting(const Slice& body, Greeting* greeting) const {
  PayloadReader payload(body);
  const Op op = static_cast<Op>(payload.U8());
  const uint32_t id = payload.U32();
  if (op == Op::kError && id == 1) {
    IOStatus refusal = ReadError(payload);
    if (payload.complete()) return refusal;
  }
  const uint32_t magic = payload.U32();
  const uint16_t version = payload.U16();
  if (op != Op::kResult || id != 1 || magic != kMagic || !payload.ok()) {
    return IOStatus::IOError("what listens on " + socket_path_ + " is not an Env host: correct the path");
  }
  if (version != kProtocolVersion) {
    return IOStatus::IOError("the Env host on " + socket_path_ + " speaks version " +
                             std::to_string(version) + " of the protocol, this library version " +
                             std::to_string(kProtocolVersion) +
                             ": use the host and the library of one release");
  }
  greeting->local_locks = payload.Bool();
  for (uint32_t left = payload.U32(); left > 0 && payload.ok(); --left) {
    greeting->local_names.push_back(payload.String());
  }
  if (!payload.complete()) return HostGone(socket_path_, "its greeting is malformed");
  return IOStatus::OK();
}

void Connection::ServeSocket() {
  bool blocked = false;
  while (alive()) {
    socket_.Wait(blocked);
    if (!FlushOutbox(&blocked) || !ReceiveFrames()) End("it closed the connection");
  }
}

// False if the other side is gone.
bool Connection::ReceiveFrames() {
  size_t room;
  char* to = input_.Room(&room);
  const ssize_t received = socket_.Receive(to, room);
  if (received < 0) return false;
  input_.Received(received);
  for (;;) {
    Slice body;
    switch (input_.Take(&body)) {
      case FrameBuffer::Next::kIncomplete:
        return true;
      case FrameBuffer::Next::kMalformed:
        End("it sent a frame of a length that is not allowed");
        return true;
      case FrameBuffer::Next::kFrame:
        if (Dispatch(body)) break;
        End("it sent a message that makes no sense");
        return true;
    }
  }
}

// False if the protocol does not allow the frame.
bool Connection::Dispatch(const Slice& body) {
  PayloadReader header(body);
  const Op op = static_cast<Op>(header.U8());
  const uint32_t id = header.U32();
  const Slice payload(body.data() + kHeaderBytes - kLengthBytes, body.size() - (kHeaderBytes - kLengthBytes));
  if (id == 0) return DispatchMessage(op, PayloadReader(payload));
  if (op != Op::kResult && op != Op::kError) return false;
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = in_flight_.find(id);
  if (found == in_flight_.end()) return ended_;
  found->second->Complete(op, payload);
  in_flight_.erase(found);
  return true;
}

bool Connection::DispatchMessage(Op op, PayloadReader payload) {
  if (op == Op::kFenced) {
    const std::string directory = payload.String();
    const std::string message = payload.String();
    if (payload.complete()) listener_->OnFenced(directory, message);
  } else if (op == Op::kEvicted) {
    const uint32_t handle = payload.U32();
    const uint32_t generation = payload.U32();
    if (payload.complete()) listener_->OnEvicted(handle, generation);
  } else {
    return false;
  }
  return payload.complete();
}

void Connection::Begin(Request& request, Exchange* exchange) {
  uint32_t id;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (ended_) {
      exchange->failure_ = reason_;
      exchange->answered_ = true;
      return;
    }
    do {
      id = ++last_id_;
    } while (id == 0 || in_flight_.count(id) > 0);
    in_flight_.emplace(id, exchange);
  }
  Send(request.Frame(id));
}

// The receiving side notices a host that is gone.
void Connection::Send(const std::string& frame) {
  std::lock_guard<std::mutex> lock(outbox_mutex_);
  size_t sent = 0;
  if (outbox_.empty()) sent = std::max<ssize_t>(socket_.Send(frame.data(), frame.size()), 0);
  if (sent == frame.size()) return;
  outbox_.append(frame, sent, std::string::npos);
  socket_.Wake();
}

// False if the other side is gone.
bool Connection::FlushOutbox(bool* blocked) {
  std::lock_guard<std::mutex> lock(outbox_mutex_);
  size_t flushed = 0;
  while (flushed < outbox_.size()) {
    const ssize_t sent = socket_.Send(outbox_.data() + flushed, outbox_.size() - flushed);
    if (sent < 0) return false;
    if (sent == 0) break;
    flushed += sent;
  }
  outbox_.erase(0, flushed);
  *blocked = !outbox_.empty();
  return true;
}

void Connection::End(const std::string& why) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (ended_) return;
  ended_ = true;
  reason_ = HostGone(socket_path_, why);
  socket_.Shutdown();
  socket_.Wake();
  // Before anybody learns of it from an answer: no write may succeed after a failed one.
  listener_->OnGone(reason_);
  for (const auto& [id, exchange] : in_flight_) {
    exchange->failure_ = reason_;
    exchange->Complete(Op::kError, Slice());
  }
  in_flight_.clear();
}

Exchange::Exchange(Connection& connection, Request request) : connection_(connection) {
  connection_.Begin(request, this);
}

IOStatus Exchange::Answer(const Connection::Decoder& decode) {
  Wait();
  if (!failure_.ok()) return failure_;
  PayloadReader payload(payload_);
  IOStatus status;
  if (op_ == Op::kError) {
    status = ReadError(payload);
  } else if (decode) {
    decode(payload);
  }
  if (payload.complete()) return status;
  connection_.End("it sent a malformed answer");
  std::lock_guard<std::mutex> lock(connection_.mutex_);
  return connection_.reason_;
}

void Exchange::Wait() {
  std::unique_lock<std::mutex> lock(connection_.mutex_);
  changed_.wait(lock, [this] { return answered_; });
}

// With the connection's mutex held, which keeps this alive until it has been notified.
void Exchange::Complete(Op op, const Slice& payload) {
  op_ = op;
  payload_.assign(payload.data(), payload.size());
  answered_ = true;
  changed_.notify_one();
}

}  // namespace cloudenv
