// Opens a file for reading: local, sparse or served, as the host answers.
#pragma once

#include <memory>
#include <string>

#include "bridge/host_client.h"
#include "bridge/rocksdb_names.h"

namespace cloudenv {

// Normalized path; NEW_RANDOM_ACCESS_FILE.
IOStatus OpenRandomAccessFile(const std::shared_ptr<HostClient>& host, const std::string& path,
                              const FileOptions& options, std::unique_ptr<FSRandomAccessFile>* result);

// Normalized path; NEW_SEQUENTIAL_FILE.
IOStatus OpenSequentialFile(const std::shared_ptr<HostClient>& host, const std::string& path,
                            const FileOptions& options, std::unique_ptr<FSSequentialFile>* result);

}  // namespace cloudenv
