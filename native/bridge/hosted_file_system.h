// RocksDB's file system whose decisions an Env host makes, over a socket, and whose bytes are in the local
// file system.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/host_client.h"
#include "bridge/refetch.h"
#include "bridge/rocksdb_names.h"

namespace cloudenv {

// Connects to the Env host that listens on this socket. File systems with the same socket path share a
// connection.
class HostedFileSystem;
rocksdb::Status ConnectHostedFileSystem(const std::string& socket_path,
                                        std::shared_ptr<HostedFileSystem>* result);

// Methods that are not overridden are the local file system's: test directories, absolute paths, options
// that suit a kind of file.
class HostedFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit HostedFileSystem(const std::shared_ptr<HostClient>& host);

  static const char* kClassName() { return "HostedFileSystem"; }
  const char* Name() const override { return kClassName(); }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions& options,
                             std::unique_ptr<FSSequentialFile>* result, IODebugContext* dbg) override;
  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions& options,
                               std::unique_ptr<FSRandomAccessFile>* result, IODebugContext* dbg) override;
  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) override;
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                              std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) override;
  IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path, const FileOptions& options,
                             std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) override;
  IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                        std::unique_ptr<FSDirectory>* result, IODebugContext* dbg) override;

  IOStatus NewLogger(const std::string& path, const IOOptions& options,
                     std::shared_ptr<rocksdb::Logger>* result, IODebugContext* dbg) override;

  // These work on local names only.
  IOStatus NewRandomRWFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSRandomRWFile>* result, IODebugContext* dbg) override;
  IOStatus NewMemoryMappedFileBuffer(const std::string& path,
                                     std::unique_ptr<rocksdb::MemoryMappedFileBuffer>* result) override;
  IOStatus Truncate(const std::string& path, size_t size, const IOOptions& options,
                    IODebugContext* dbg) override;
  IOStatus NumFileLinks(const std::string& path, const IOOptions& options, uint64_t* count,
                        IODebugContext* dbg) override;
  IOStatus AreFilesSame(const std::string& first, const std::string& second, const IOOptions& options,
                        bool* same, IODebugContext* dbg) override;

  IOStatus FileExists(const std::string& path, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus GetChildren(const std::string& path, const IOOptions& options, std::vector<std::string>* names,
                       IODebugContext* dbg) override;
  IOStatus GetChildrenFileAttributes(const std::string& path, const IOOptions& options,
                                     std::vector<rocksdb::FileAttributes>* files,
                                     IODebugContext* dbg) override;
  IOStatus DeleteFile(const std::string& path, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus CreateDir(const std::string& path, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions& options,
                              IODebugContext* dbg) override;
  IOStatus DeleteDir(const std::string& path, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus GetFileSize(const std::string& path, const IOOptions& options, uint64_t* size,
                       IODebugContext* dbg) override;
  IOStatus GetFileModificationTime(const std::string& path, const IOOptions& options, uint64_t* seconds,
                                   IODebugContext* dbg) override;
  IOStatus RenameFile(const std::string& source, const std::string& target, const IOOptions& options,
                      IODebugContext* dbg) override;
  IOStatus LinkFile(const std::string& source, const std::string& target, const IOOptions& options,
                    IODebugContext* dbg) override;
  IOStatus IsDirectory(const std::string& path, const IOOptions& options, bool* is_directory,
                       IODebugContext* dbg) override;
  IOStatus GetFreeSpace(const std::string& path, const IOOptions& options, uint64_t* bytes,
                        IODebugContext* dbg) override;

  IOStatus LockFile(const std::string& path, const IOOptions& options, rocksdb::FileLock** lock,
                    IODebugContext* dbg) override;
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions& options, IODebugContext* dbg) override;

#if ROCKSDB_MAJOR >= 9
  // Also reads damaged data once more, with IOOptions::verify_and_reconstruct_read.
  void SupportedOps(int64_t& supported_ops) override;
#endif

  // Makes the host look for other bytes of a file that RocksDB found damaged.
  IOStatus Refetch(const DamagedRange& range, std::chrono::milliseconds age, Refetched* result);

 private:
  // Path of the file if its name is local.
  std::optional<std::string> LocalPath(const std::string& path) const;
  IOStatus CallOnPath(Op op, const std::string& path, const Connection::Decoder& decode = {});
  IOStatus CheckFence(const std::string& path);

  const std::shared_ptr<HostClient> host_;
};

}  // namespace cloudenv
