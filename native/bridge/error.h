// Errors of the wire protocol as RocksDB's.
#pragma once

#include <string>

#include "bridge/rocksdb_names.h"
#include "bridge/wire.h"

namespace cloudenv {

// Payload of an ERROR; the reader shows if it is malformed.
IOStatus ReadError(PayloadReader& payload);

// Error of opening or reading a file. A missing file is PathNotFound then, as for POSIX files: with NotFound,
// RocksDB's Get would report that there is no such key.
IOStatus ReadFailure(const IOStatus& status);

// Error of looking for a file. RocksDB asserts that it is NotFound or an IOError.
IOStatus LookUpFailure(const IOStatus& status);

// The connection to the host ended, or never began. Not retryable: a connection is never reopened.
IOStatus HostGone(const std::string& socket_path, const std::string& reason);

// Error of a local file system, as NoSpace, which may pass, if a quota is used up: RocksDB has no code for
// that. Returns any other error as it is.
IOStatus AsNoSpace(const IOStatus& status);

// Error of an unwritable local file system, with advice. Returns any other error as it is.
IOStatus ExplainUnwritable(const IOStatus& status);

}  // namespace cloudenv
