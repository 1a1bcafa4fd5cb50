#include "binding/witnessed_file_system.h"

#include <utility>

#include "binding/read_witness.h"

namespace cloudenv {

using rocksdb::FileOptions;
using rocksdb::FSRandomAccessFile;
using rocksdb::FSReadRequest;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

// Prefetch needs no witness: RocksDB then reads what could not be prefetched.
class WitnessedFile final : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  explicit WitnessedFile(std::unique_ptr<FSRandomAccessFile> file)
      : FSRandomAccessFileOwnerWrapper(std::move(file)) {}

  IOStatus Read(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* dbg) const override {
    IOStatus status = target()->Read(offset, n, options, result, scratch, dbg);
    if (!status.ok()) ReadWitness::NotRead(status);
    return status;
  }

  IOStatus MultiRead(FSReadRequest* requests, size_t count, const IOOptions& options,
                     IODebugContext* dbg) override {
    IOStatus status = target()->MultiRead(requests, count, options, dbg);
    if (!status.ok()) ReadWitness::NotRead(status);
    for (size_t i = 0; i < count; ++i) {
      if (!requests[i].status.ok()) ReadWitness::NotRead(requests[i].status);
    }
    return status;
  }
};

}  // namespace

IOStatus WitnessedFileSystem::NewRandomAccessFile(const std::string& path, const FileOptions& options,
                                                  std::unique_ptr<FSRandomAccessFile>* result,
                                                  IODebugContext* dbg) {
  IOStatus status = target()->NewRandomAccessFile(path, options, result, dbg);
  if (status.ok()) {
    ReadWitness::Opened(path);
    *result = std::make_unique<WitnessedFile>(std::move(*result));
  } else {
    ReadWitness::NotOpened(path, status);
  }
  return status;
}

}  // namespace cloudenv
