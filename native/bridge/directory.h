// A directory whose fsync waits until everything written below it is as durable as the Env promises.
#pragma once

#include <memory>
#include <string>

#include "bridge/host_client.h"

namespace cloudenv {

class HostedDirectory final : public FSDirectory {
 public:
  // Normalized path.
  HostedDirectory(const std::shared_ptr<HostClient>& host, const std::string& path)
      : host_(host), path_(path) {}

  // FsyncWithDirOptions comes here too: its reasons let a local file system skip work that a store may still
  // have to do.
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  const std::shared_ptr<HostClient> host_;
  const std::string path_;
};

}  // namespace cloudenv
