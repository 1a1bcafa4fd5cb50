// Cuts a stream of bytes into frames.
#pragma once

#include <vector>

#include "bridge/rocksdb_names.h"

namespace cloudenv {

class FrameBuffer {
 public:
  enum class Next { kFrame, kIncomplete, kMalformed };

  // The next whole body, valid until room is asked for.
  Next Take(Slice* body);

  // Where to put what is received, and how much of it. Received() says how much it was.
  char* Room(size_t* size);
  void Received(size_t size) { end_ += size; }

 private:
  // Of the frame that begins at begin_, once its length is here.
  size_t FrameBytes() const;

  std::vector<char> bytes_;
  // What was received and not taken yet.
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace cloudenv
