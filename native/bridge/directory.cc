#include "bridge/directory.h"

namespace cloudenv {

IOStatus HostedDirectory::Fsync(const IOOptions& options, IODebugContext* dbg) {
  bool is_local = false;
  std::string local_path;
  IOStatus status = host_->Call(Request(Op::kFsyncDirectory).String(path_), [&](PayloadReader& payload) {
    is_local = payload.Bool();
    local_path = payload.String();
  });
  if (!status.ok() || !is_local) return status;
  std::unique_ptr<FSDirectory> directory;
  status = FileSystem::Default()->NewDirectory(local_path, options, &directory, dbg);
  return status.ok() ? directory->Fsync(options, dbg) : status;
}

}  // namespace cloudenv
