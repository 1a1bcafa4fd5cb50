// Opens a file for writing: local or served, as the host answers.
#pragma once

#include <memory>
#include <string>

#include "bridge/host_client.h"
#include "bridge/rocksdb_names.h"

namespace cloudenv {

// Normalized path. NEW_WRITABLE_FILE or REOPEN_WRITABLE_FILE, or the local file of this path if its name is
// local.
IOStatus OpenWritableFile(const std::shared_ptr<HostClient>& host, Op op, const std::string& path,
                          const FileOptions& options, std::unique_ptr<FSWritableFile>* result);

// Normalized paths of local names: renames the old file and overwrites it from the start.
IOStatus ReuseLocalFile(const std::shared_ptr<HostClient>& host, const std::string& path,
                        const std::string& old_path, const FileOptions& options,
                        std::unique_ptr<FSWritableFile>* result);

}  // namespace cloudenv
