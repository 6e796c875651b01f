#include "sluice/pubsub/frame.h"

#include <cassert>
#include <charconv>
#include <limits>

namespace sluice::pubsub {

Frame::Frame(FrameParts parts)
    : gap_(parts.gap),
      sequence_(parts.sequence),
      received_ns_(parts.received_ns),
      fields_(std::move(parts.fields)) {
  assert(!parts.body.empty() && "an empty chunk would end the response");
  constexpr std::string_view kIdName = "id: ";
  const size_t id_line = parts.id.empty() ? 0 : kIdName.size() + parts.id.size() + 1;
  const size_t payload = id_line + parts.body.size();
  char head[16];
  const auto head_end = std::to_chars(head, head + sizeof head, payload, 16);
  const auto head_size = static_cast<size_t>(head_end.ptr - head);
  assert(payload < std::numeric_limits<uint32_t>::max() - sizeof head);

  bytes_.reserve(head_size + 2 + payload + 2);
  bytes_.append(head, head_size);
  bytes_ += "\r\n";
  payload_ = static_cast<uint32_t>(bytes_.size());
  if (!parts.id.empty()) {
    bytes_ += kIdName;
    bytes_ += parts.id;
    bytes_ += '\n';
  }
  body_ = static_cast<uint32_t>(bytes_.size());
  bytes_ += parts.body;
  bytes_ += "\r\n";
}

FrameRef Frame::Make(FrameParts parts) {
  return FrameRef(new Frame(std::move(parts)));
}

}  // namespace sluice::pubsub
