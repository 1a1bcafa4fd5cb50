#include "binding/read_witness.h"

namespace cloudenv {

using rocksdb::IOStatus;

namespace {

thread_local ReadWitness* current = nullptr;

std::string WithoutExtension(const std::string& path) { return path.substr(0, path.rfind('.')); }

}  // namespace

ReadWitness::ReadWitness() { current = this; }

ReadWitness::~ReadWitness() {
  current = nullptr;
  failure_.PermitUncheckedError();
}

void ReadWitness::Opened(const std::string& path) {
  if (current == nullptr || current->not_opened_ != WithoutExtension(path)) return;
  current->failure_ = IOStatus::OK();
  current->not_opened_.clear();
}

void ReadWitness::NotOpened(const std::string& path, const IOStatus& status) {
  if (current == nullptr || !current->failure_.ok()) return;
  current->failure_ = status;
  current->not_opened_ = WithoutExtension(path);
}

void ReadWitness::NotRead(const IOStatus& status) {
  if (current != nullptr && current->failure_.ok()) current->failure_ = status;
}

}  // namespace cloudenv
