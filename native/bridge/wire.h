// The bytes of the wire protocol: op codes, a request under construction, a payload being read. The format is
// described in docs/wire-protocol.md.
#pragma once

#include <cstdint>
#include <string>

#include "bridge/rocksdb_names.h"

namespace cloudenv {

constexpr uint32_t kMagic = 0x564e4543;  // "CENV"
constexpr uint16_t kProtocolVersion = 1;
constexpr size_t kMaxBodyBytes = 8 << 20;
// The most that one READ, ENSURE or APPEND carries.
constexpr size_t kMaxTransferBytes = 4 << 20;
// Length, op and request id.
constexpr size_t kLengthBytes = 4;
constexpr size_t kHeaderBytes = kLengthBytes + 1 + 4;

enum class Op : uint8_t {
  kHello = 1,
  kNewSequentialFile = 2,
  kNewRandomAccessFile = 3,
  kNewWritableFile = 4,
  kReopenWritableFile = 5,
  kRead = 6,
  kEnsure = 7,
  kAppend = 8,
  kSync = 9,
  kTruncate = 10,
  kClose = 11,
  kReleased = 12,
  kFsyncDirectory = 13,
  kFileExists = 14,
  kGetChildren = 15,
  kGetChildrenFileAttributes = 16,
  kDeleteFile = 17,
  kCreateDirIfMissing = 18,
  kDeleteDir = 19,
  kGetFileSize = 20,
  kGetFileModificationTime = 21,
  kRenameFile = 22,
  kLinkFile = 23,
  kLockFile = 24,
  kUnlockFile = 25,
  kIsDirectory = 26,
  kGetFreeSpace = 27,
  kResult = 128,
  kError = 129,
  kFenced = 130,
  kEvicted = 131,
};

// One frame to send.
class Request {
 public:
  explicit Request(Op op);

  Request& U16(uint16_t value);
  Request& U32(uint32_t value);
  Request& U64(uint64_t value);
  // A string, or bytes.
  Request& String(const Slice& value);

  // The whole frame.
  const std::string& Frame(uint32_t id);

 private:
  void Integer(uint64_t value, size_t bytes);

  std::string frame_;
};

// Reads a payload from front to back. What is not there reads as zero or nothing, and shows in complete().
class PayloadReader {
 public:
  explicit PayloadReader(const Slice& payload) : left_(payload) {}

  uint8_t U8() { return static_cast<uint8_t>(Integer(1)); }
  uint16_t U16() { return static_cast<uint16_t>(Integer(2)); }
  uint32_t U32() { return static_cast<uint32_t>(Integer(4)); }
  uint64_t U64() { return Integer(8); }
  bool Bool();
  // A view of the payload.
  Slice Bytes();
  std::string String() { return Bytes().ToString(); }

  // Says that a value that was read makes no sense.
  void Reject() { ok_ = false; }
  // Everything read so far was there.
  bool ok() const { return ok_; }
  // Everything read was there, and everything there was read.
  bool complete() const { return ok_ && left_.empty(); }

 private:
  uint64_t Integer(size_t bytes);

  Slice left_;
  bool ok_ = true;
};

}  // namespace cloudenv
