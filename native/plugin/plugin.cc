// Makes any RocksDB program that loads this library understand the file system cloudenv:///path/of/host.sock.
//
//   LD_PRELOAD=build/native/libcloudenv.so db_bench --fs_uri=cloudenv:///run/cloudenv.sock --db=/data/orders
#include <rocksdb/utilities/object_registry.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "bridge/hosted_file_system.h"

namespace cloudenv {
namespace {

constexpr char kScheme[] = "cloudenv://";

// RocksDB's own tools crash if a factory fails, so this reports the error and ends the program.
[[noreturn]] void Fail(const std::string& uri, const std::string& reason) {
  std::fprintf(stderr, "cannot open %s: %s\n", uri.c_str(), reason.c_str());
  std::fflush(nullptr);
  std::_Exit(1);
}

FileSystem* Create(const std::string& uri, std::unique_ptr<FileSystem>* guard, std::string*) {
  const std::string socket_path = uri.substr(sizeof(kScheme) - 1);
  if (socket_path[0] != '/') Fail(uri, "expected " + std::string(kScheme) + "/absolute/path/of/host.sock");
  std::shared_ptr<HostClient> host;
  const IOStatus status = HostClient::Connect(socket_path, &host);
  if (!status.ok()) Fail(uri, status.ToString());
  guard->reset(new HostedFileSystem(host));
  return guard->get();
}

[[maybe_unused]] const auto& registered =
    rocksdb::ObjectLibrary::Default() -> AddFactory<FileSystem>(
        rocksdb::ObjectLibrary::PatternEntry("cloudenv", false).AddSeparator("://"), Create);

}  // namespace
}  // namespace cloudenv
