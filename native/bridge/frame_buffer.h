// Cuts a stream of bytes into frames.
#pragma once

#include <vector>

#include "bridge/rocksdb_names.h"

namespace cloudenv {

class FrameBuffer {
 public:
  enum class Next { kFrame, kIncomplete, kMalformed };

  // The next whole body, valid until the next call of Room().
  Next Take(Slice* body);

  // Place for received bytes, and how many fit. Received() says how many there were.
  char* Room(size_t* size);
  void Received(size_t size) { end_ += size; }

 private:
  // Size of the frame that begins at begin_, once its length is here.
  size_t FrameBytes() const;

  std::vector<char> bytes_;
  // Range of the bytes that were received and not taken yet.
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace cloudenv
