#include "bridge/frame_buffer.h"

#include <algorithm>
#include <cstring>

#include "bridge/wire.h"

namespace cloudenv {

namespace {

// Room for many answers at once, or a small part of the largest.
constexpr size_t kMinBytes = 64 << 10;

}  // namespace

FrameBuffer::Next FrameBuffer::Take(Slice* body) {
  if (end_ - begin_ < kLengthBytes) return Next::kIncomplete;
  const size_t frame_bytes = FrameBytes();
  if (frame_bytes < kHeaderBytes || frame_bytes > kLengthBytes + kMaxBodyBytes) return Next::kMalformed;
  if (end_ - begin_ < frame_bytes) return Next::kIncomplete;
  *body = Slice(&bytes_[begin_ + kLengthBytes], frame_bytes - kLengthBytes);
  begin_ += frame_bytes;
  return Next::kFrame;
}

char* FrameBuffer::Room(size_t* size) {
  if (begin_ > 0) {
    std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const size_t needed = end_ < kLengthBytes ? kMinBytes : std::max(FrameBytes(), kMinBytes);
  // An answer of the largest size is rare: the next one gives its room back.
  if (bytes_.size() != needed) bytes_.resize(needed);
  *size = bytes_.size() - end_;
  return bytes_.data() + end_;
}

size_t FrameBuffer::FrameBytes() const {
  return kLengthBytes + PayloadReader(Slice(&bytes_[begin_], kLengthBytes)).U32();
}

}  // namespace cloudenv
