// Reads one sparse file from many threads while its host removes chunks of it, evicts it and brings it back,
// fences the directory that other threads write to, and at last goes away in the middle of it all. Meant for
// the sanitizers:
//
//   cmake -S native -B build/tsan -DCLOUDENV_SANITIZE=thread -DCLOUDENV_STRESS=ON && cmake --build build/tsan
//   -j2 build/tsan/bridge_stress
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <set>
#include <thread>

#include "bridge/file_descriptor.h"
#include "bridge/frame_buffer.h"
#include "bridge/hosted_file_system.h"

namespace cloudenv {
namespace {

constexpr size_t kChunkBytes = 4096;
constexpr size_t kFileBytes = 300 * kChunkBytes + 123;
constexpr size_t kChunks = kFileBytes / kChunkBytes + 1;
constexpr size_t kMapBytes = 64 + (kChunks + 7) / 8 + kChunks;
constexpr uint32_t kHandle = 7;
constexpr int kEnsures = 5000;
// Evictions are so rare that no read could meet eight in a row.
constexpr int kEnsuresPerEviction = 20;
constexpr int kRemovalsPerEnsure = 5;
constexpr size_t kRemovedChunks = 10;

void Check(bool holds, const std::string& claim) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", claim.c_str());
  std::abort();
}

char ByteAt(uint64_t offset) { return static_cast<char>(offset * 31 + offset / 251); }

std::string Content() {
  std::string content(kFileBytes, '\0');
  for (size_t i = 0; i < content.size(); ++i) content[i] = ByteAt(i);
  return content;
}

// A payload to send, in the protocol's little-endian integers.
class Payload {
 public:
  Payload& Integer(uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) bytes_.push_back(static_cast<char>(value >> (8 * i)));
    return *this;
  }
  Payload& String(const std::string& value) {
    Integer(value.size(), 4);
    bytes_ += value;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Serves one sparse file, whatever its path, to one client, and leaves it after kEnsures.
class StressHost {
 public:
  explicit StressHost(const std::string& directory) : directory_(directory) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    SocketPath().copy(address.sun_path, sizeof(address.sun_path) - 1);
    Check(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0,
          "the path is free");
    Check(listen(listener_.get(), 1) == 0, "the socket listens");
    thread_ = std::thread([this] { Serve(); });
  }
  ~StressHost() { thread_.join(); }

  std::string SocketPath() const { return directory_ + "/host.sock"; }

 private:
  void Serve() {
    client_ = FileDescriptor(accept(listener_.get(), nullptr, nullptr));
    FrameBuffer input;
    while (ensures_ < kEnsures) {
      size_t room;
      char* to = input.Room(&room);
      const ssize_t received = recv(client_.get(), to, room, 0);
      Check(received > 0, "the client stays");
      input.Received(received);
      for (Slice body; input.Take(&body) == FrameBuffer::Next::kFrame;) Handle(PayloadReader(body));
    }
    client_ = FileDescriptor();
    std::printf("%u generations, %zu not given back\n", generation_, unreleased_.size());
    // The copies evicted last may still have been in use.
    Check(unreleased_.size() <= 2, "what is evicted is given back");
  }

  void Handle(PayloadReader frame) {
    const Op op = static_cast<Op>(frame.U8());
    const uint32_t id = frame.U32();
    if (op == Op::kHello) {
      Payload greeting;
      greeting.Integer(kMagic, 4).Integer(kProtocolVersion, 2).Integer(0, 1).Integer(1, 4).String("*.log");
      Send(Op::kResult, id, greeting);
    } else if (op == Op::kNewRandomAccessFile) {
      Send(Op::kResult, id, Payload().Integer(1, 1).Integer(kHandle, 4).Integer(kFileBytes, 8).Integer(0, 1));
    } else if (op == Op::kEnsure) {
      frame.U32();
      const uint64_t offset = frame.U64();
      MakePresent(offset, frame.U64());
      Payload copy;
      copy.Integer(0, 1).Integer(generation_, 4).String(DataPath()).Integer(1, 1).String(MapPath());
      Send(Op::kResult, id, copy);
      ++ensures_;
      if (ensures_ % kEnsuresPerEviction == 0) Evict();
      // Most are back before anybody asks for them: what a read meets in between is its own affair.
      for (int i = 0; i < kRemovalsPerEnsure && data_.valid(); ++i) {
        const size_t first = random_() % kChunks;
        Remove(first);
        if (i > 0) MakePresent(first * kChunkBytes, std::min(kRemovedChunks, kChunks - first) * kChunkBytes);
      }
      if (ensures_ % 100 == 0)
        Send(Op::kFenced, 0, Payload().String(directory_ + "/fenced").String("a test"));
    } else if (op == Op::kLockFile) {
      Send(Op::kResult, id, Payload());
    } else if (op == Op::kUnlockFile) {
      Send(Op::kResult, id, Payload());
    } else if (op == Op::kReleased) {
      frame.U32();
      unreleased_.erase(frame.U32());
    }
  }

  void MakePresent(uint64_t offset, uint64_t length) {
    if (!data_.valid()) Create();
    const uint64_t end = std::min<uint64_t>(offset + length, kFileBytes);
    for (uint64_t chunk = offset / kChunkBytes; chunk * kChunkBytes < end; ++chunk) {
      const uint64_t begin = chunk * kChunkBytes;
      const size_t bytes = std::min(kChunkBytes, kFileBytes - begin);
      Check(pwrite(data_.get(), &content_[begin], bytes, begin) > 0, "data is written");
      map_bytes_[64 + chunk / 8] |= 1 << (chunk % 8);
    }
    WriteMap();
  }

  void Create() {
    ++generation_;
    data_ = FileDescriptor(open(DataPath().c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600));
    map_ = FileDescriptor(open(MapPath().c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600));
    Check(ftruncate(data_.get(), kFileBytes) == 0, "there is room");
    Payload header;
    header.Integer(2, 4).Integer(kChunkBytes, 4).Integer(kFileBytes, 8);
    map_bytes_ = "CHUNKMAP" + header.bytes();
    map_bytes_.resize(kMapBytes);
    WriteMap();
  }

  void WriteMap() {
    Check(pwrite(map_.get(), map_bytes_.data(), map_bytes_.size(), 0) > 0, "the map is written");
  }

  // Takes some chunks from `first` on away: first the bits, then the count, then the bytes.
  void Remove(size_t first) {
    if (!data_.valid()) return;
    const size_t end = std::min(first + kRemovedChunks, kChunks);
    for (size_t chunk = first; chunk < end; ++chunk) map_bytes_[64 + chunk / 8] &= ~(1 << (chunk % 8));
    Check(pwrite(map_.get(), &map_bytes_[64], kMapBytes - 64, 64) > 0, "the bits are written");
    uint32_t removals;
    std::memcpy(&removals, &map_bytes_[24], sizeof(removals));
    ++removals;
    std::memcpy(&map_bytes_[24], &removals, sizeof(removals));
    Check(pwrite(map_.get(), &removals, sizeof(removals), 24) > 0, "the removal is counted");
    const std::string zeros((end - first) * kChunkBytes, '\0');
    const size_t bytes = std::min(zeros.size(), kFileBytes - first * kChunkBytes);
    Check(pwrite(data_.get(), zeros.data(), bytes, first * kChunkBytes) > 0, "the bytes are gone");
  }

  void Evict() {
    data_ = FileDescriptor();
    map_ = FileDescriptor();
    unlink(DataPath().c_str());
    unlink(MapPath().c_str());
    unreleased_.insert(generation_);
    Send(Op::kEvicted, 0, Payload().Integer(kHandle, 4).Integer(generation_, 4));
  }

  void Send(Op op, uint32_t id, const Payload& payload) {
    Payload frame;
    frame.Integer(5 + payload.bytes().size(), 4).Integer(static_cast<uint8_t>(op), 1).Integer(id, 4);
    const std::string bytes = frame.bytes() + payload.bytes();
    Check(send(client_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0, "the client reads");
  }

  std::string DataPath() const { return directory_ + "/copy-" + std::to_string(generation_); }
  std::string MapPath() const { return DataPath() + ".map"; }

  const std::string directory_;
  const FileDescriptor listener_{socket(AF_UNIX, SOCK_STREAM, 0)};
  std::thread thread_;
  FileDescriptor client_;
  FileDescriptor data_;
  FileDescriptor map_;
  std::string map_bytes_;
  const std::string content_ = Content();
  std::mt19937 random_;
  uint32_t generation_ = 0;
  int ensures_ = 0;
  std::set<uint32_t> unreleased_;
};

bool IsGone(const rocksdb::Status& status) {
  return status.IsIOError() && status.ToString().find("went away") != std::string::npos;
}

void CheckBytes(const Slice& bytes, uint64_t offset) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    Check(bytes[i] == ByteAt(offset + i), "a read brings what was written");
  }
}

// Reads until the host is gone.
void ReadOn(FSRandomAccessFile* file, int seed) {
  std::mt19937 random(seed);
  std::string scratch(4 * 3 * kChunkBytes, '\0');
  for (;;) {
    FSReadRequest requests[4];
    for (size_t i = 0; i < 4; ++i) {
      requests[i].offset = random() % kFileBytes;
      requests[i].len = 1 + random() % (3 * kChunkBytes);
      requests[i].scratch = &scratch[i * 3 * kChunkBytes];
    }
    IOStatus status;
    switch (random() % 4) {
      case 0:
        status = file->MultiRead(requests, 4, IOOptions(), nullptr);
        for (const FSReadRequest& request : requests) {
          if (status.ok()) status = request.status;
          if (status.ok()) CheckBytes(request.result, request.offset);
        }
        break;
      case 1:
        status = file->Prefetch(requests[0].offset, requests[0].len, IOOptions(), nullptr);
        break;
      default:
        status = file->Read(requests[0].offset, requests[0].len, IOOptions(), &requests[0].result,
                            &scratch[0], nullptr);
        if (status.ok()) CheckBytes(requests[0].result, requests[0].offset);
    }
    if (IsGone(status)) return;
    Check(status.ok(), status.ToString());
    if (random() % 50 == 0) file->Hint(FSRandomAccessFile::kRandom);
  }
}

// Opens the file again and again, writes to a directory that is fenced, and lowers the fence by taking its
// lock.
void OpenAndWriteOn(FileSystem* fs, const std::string& directory) {
  for (;;) {
    rocksdb::FileLock* lock = nullptr;
    IOStatus status = fs->LockFile(directory + "/fenced/LOCK", IOOptions(), &lock, nullptr);
    if (IsGone(status)) return;
    Check(status.ok(), status.ToString());
    std::unique_ptr<FSWritableFile> log;
    status = fs->NewWritableFile(directory + "/fenced/1.log", FileOptions(), &log, nullptr);
    for (int i = 0; i < 100 && status.ok(); ++i) status = log->Append("a record", IOOptions(), nullptr);
    Check(status.ok() || status.IsIOFenced() || IsGone(status), status.ToString());
    fs->UnlockFile(lock, IOOptions(), nullptr).PermitUncheckedError();
  }
}

void UseUntilGone(const std::string& directory) {
  Check(mkdir((directory + "/fenced").c_str(), 0700) == 0, "there is a directory to write to");
  StressHost host(directory);
  std::shared_ptr<HostedFileSystem> fs;
  const rocksdb::Status connected = ConnectHostedFileSystem(host.SocketPath(), &fs);
  Check(connected.ok(), connected.ToString());
  std::unique_ptr<FSRandomAccessFile> file;
  const IOStatus opened = fs->NewRandomAccessFile("/a/table", FileOptions(), &file, nullptr);
  Check(opened.ok(), opened.ToString());

  std::vector<std::thread> threads;
  for (int seed = 0; seed < 8; ++seed) threads.emplace_back(ReadOn, file.get(), seed);
  threads.emplace_back(OpenAndWriteOn, fs.get(), directory);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace cloudenv

int main() {
  char directory[] = "/tmp/stress-XXXXXX";
  cloudenv::Check(mkdtemp(directory) != nullptr, "there is a temporary directory");
  cloudenv::UseUntilGone(directory);
  return std::system(("rm -rf " + std::string(directory)).c_str());
}
