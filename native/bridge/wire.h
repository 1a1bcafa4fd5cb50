// The bytes of the wire protocol: op codes, a request under construction, a payload being read.
// docs/wire-protocol.md describes the format.
#pragma once

#include <cstdint>
#include <string>

#include "bridge/rocksdb_names.h"

namespace cloudenv {

constexpr uint32_t kMagic = 0x564e4543;  // "CENV"
constexpr uint16_t kProtocolVersion = 3;
constexpr size_t kMaxBodyBytes = 8 << 20;
// Most bytes that one READ, ENSURE or APPEND carries.
constexpr size_t kMaxTransferBytes = 4 << 20;
// 2^53 - 1: largest number that a host can count to.
constexpr uint64_t kMaxInteger = (uint64_t{1} << 53) - 1;
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
  kMakeRoom = 28,
  kRefetch = 29,
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

// Reads a payload from front to back. A missing value reads as zero or nothing, and shows in complete().
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

  // Marks a value that was read as senseless.
  void Reject() { ok_ = false; }
  // True if everything read so far was there.
  bool ok() const { return ok_; }
  // True if everything read was there, and everything there was read.
  bool complete() const { return ok_ && left_.empty(); }

 private:
  uint64_t Integer(size_t bytes);

  Slice left_;
  bool ok_ = true;
};

}  // namespace cloudenv
