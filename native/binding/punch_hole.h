// Holes in files, which Node.js cannot make.
#pragma once

#include <napi.h>

namespace cloudenv {

// punchHole(fd, offset, length) -> promise of 0, or of the errno: EOPNOTSUPP where the file system has no
// holes. The range reads as zeros then, and takes no space. `fd` has to stay open until then.
Napi::Value PunchHole(const Napi::CallbackInfo& info);

}  // namespace cloudenv
