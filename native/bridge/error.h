// Errors of the wire protocol as RocksDB's.
#pragma once

#include <string>

#include "bridge/rocksdb_names.h"
#include "bridge/wire.h"

namespace cloudenv {

// The payload of an ERROR; one that is malformed shows in the reader.
IOStatus ReadError(PayloadReader& payload);

// What opening or reading a file failed with. A missing one is PathNotFound then, as POSIX files have it:
// with NotFound RocksDB's Get would tell that there is no such key.
IOStatus ReadFailure(const IOStatus& status);

// The connection to the host ended, or never began. Not retryable: a connection is never made anew.
IOStatus HostGone(const std::string& socket_path, const std::string& reason);

}  // namespace cloudenv
