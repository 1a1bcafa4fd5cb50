#include "bridge/wire.h"

namespace cloudenv {

namespace {

void PutInteger(char* to, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) to[i] = static_cast<char>(value >> (8 * i));
}

}  // namespace

Request::Request(Op op) : frame_(kHeaderBytes, '\0') { frame_[kLengthBytes] = static_cast<char>(op); }

Request& Request::U16(uint16_t value) {
  Integer(value, 2);
  return *this;
}

Request& Request::U32(uint32_t value) {
  Integer(value, 4);
  return *this;
}

Request& Request::U64(uint64_t value) {
  Integer(value, 8);
  return *this;
}

Request& Request::String(const Slice& value) {
  U32(static_cast<uint32_t>(value.size()));
  frame_.append(value.data(), value.size());
  return *this;
}

const std::string& Request::Frame(uint32_t id) {
  PutInteger(&frame_[0], frame_.size() - kLengthBytes, kLengthBytes);
  PutInteger(&frame_[kLengthBytes + 1], id, 4);
  return frame_;
}

void Request::Integer(uint64_t value, size_t bytes) {
  frame_.resize(frame_.size() + bytes);
  PutInteger(&frame_[frame_.size() - bytes], value, bytes);
}

bool PayloadReader::Bool() {
  const uint8_t value = U8();
  if (value > 1) Reject();
  return value == 1;
}

Slice PayloadReader::Bytes() {
  const uint32_t size = U32();
  if (size > left_.size()) ok_ = false;
  if (!ok_) return Slice();
  const Slice bytes(left_.data(), size);
  left_.remove_prefix(size);
  return bytes;
}

uint64_t PayloadReader::Integer(size_t bytes) {
  if (bytes > left_.size()) ok_ = false;
  if (!ok_) return 0;
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i)
    value |= static_cast<uint64_t>(static_cast<uint8_t>(left_[i])) << (8 * i);
  left_.remove_prefix(bytes);
  return value;
}

}  // namespace cloudenv
