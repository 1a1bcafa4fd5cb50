// A directory: its fsync waits until what was written below it is as durable as the Env promises.
#pragma once

#include <memory>
#include <string>

#include "bridge/host.h"

namespace cloudenv {

class CloudDirectory final : public FSDirectory {
 public:
  // Normalized path.
  CloudDirectory(const std::shared_ptr<Host>& host, const std::string& path) : host_(host), path_(path) {}

  // FsyncWithDirOptions comes here too: its reasons spare a local file system work that may be due in a
  // store.
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  const std::shared_ptr<Host> host_;
  const std::string path_;
};

}  // namespace cloudenv
