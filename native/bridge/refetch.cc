#include "bridge/refetch.h"

namespace cloudenv {

namespace {

thread_local DamagedRange last_read;

}  // namespace

IOStatus Refetch(HostClient& host, const DamagedRange& range, std::chrono::milliseconds age,
                 Refetched* result) {
  // Damaged bytes may name any place.
  const bool is_place = range.length <= kMaxInteger && range.offset <= kMaxInteger - range.length;
  Request request(Op::kRefetch);
  request.String(range.path)
      .U64(is_place ? range.offset : 0)
      .U64(is_place ? range.length : 0)
      .U32(static_cast<uint32_t>(age.count()));
  return host.Call(std::move(request), [result](PayloadReader& payload) {
    result->is_other = payload.Bool();
    result->advice = payload.String();
  });
}

const DamagedRange& LastRead() { return last_read; }

void SetLastRead(const std::string& path, uint64_t offset, uint64_t length) {
  last_read.path = path;
  last_read.offset = offset;
  last_read.length = length;
}

}  // namespace cloudenv
