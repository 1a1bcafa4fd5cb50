#include "bridge/whole_append_file.h"

#include "bridge/error.h"

namespace cloudenv {

IOStatus WholeAppendFile::Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) {
  return AppendToEnd(
      data, [&] { return target()->Append(data, options, dbg); },
      [&](uint64_t offset) { return target()->PositionedAppend(data, offset, options, dbg); });
}

IOStatus WholeAppendFile::Append(const Slice& data, const IOOptions& options,
                                 const rocksdb::DataVerificationInfo& verification, IODebugContext* dbg) {
  return AppendToEnd(
      data, [&] { return target()->Append(data, options, verification, dbg); },
      [&](uint64_t offset) { return target()->PositionedAppend(data, offset, options, verification, dbg); });
}

IOStatus WholeAppendFile::PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                                           IODebugContext* dbg) {
  return Sized(offset + data.size(), target()->PositionedAppend(data, offset, options, dbg));
}

IOStatus WholeAppendFile::PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                                           const rocksdb::DataVerificationInfo& verification,
                                           IODebugContext* dbg) {
  return Sized(offset + data.size(), target()->PositionedAppend(data, offset, options, verification, dbg));
}

IOStatus WholeAppendFile::Truncate(uint64_t size, const IOOptions& options, IODebugContext* dbg) {
  return Sized(size, target()->Truncate(size, options, dbg));
}

template <typename Write, typename WriteAt>
IOStatus WholeAppendFile::AppendToEnd(const Slice& data, const Write& write, const WriteAt& write_at) {
  if (!broken_.ok()) return broken_;
  const IOStatus status = AsNoSpace(positioned_ ? write_at(size_) : write());
  if (status.ok()) return Sized(size_ + data.size(), status);
  broken_ = target()->Truncate(size_, IOOptions(), nullptr);
  positioned_ = !append_only_;
  return broken_.ok() ? status : broken_;
}

IOStatus WholeAppendFile::Sized(uint64_t size, const IOStatus& status) {
  if (status.ok()) size_ = size;
  return AsNoSpace(status);
}

}  // namespace cloudenv
