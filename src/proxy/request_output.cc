#include "proxy/request_output.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <utility>

#include <sys/uio.h>

namespace sluice::proxy {
namespace {

constexpr size_t kMaxParts = 3;  // a chunk: its size, its bytes, a line end

// Takes up to `size` bytes off the front of a count that starts at `taken`.
size_t TakeOff(size_t& taken, size_t size) {
  const size_t part = std::min(taken, size);
  taken -= part;
  return part;
}

}  // namespace

bool RequestOutput::Put(std::string_view bytes, net::Stream* stream) {
  assert(!ended_);
  if (bytes.empty()) return true;
  if (body_ != CallRequest::Body::kChunked) return Write({&bytes, 1}, stream);
  std::array<char, sizeof(size_t) * 2 + 2> size{};
  char* end = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  const std::array<std::string_view, kMaxParts> parts = {
      std::string_view(size.data(), static_cast<size_t>(end - size.data())), bytes, "\r\n"};
  return Write(parts, stream);
}

bool RequestOutput::End(std::string_view trailers, net::Stream* stream) {
  if (std::exchange(ended_, true)) return true;
  if (body_ != CallRequest::Body::kChunked) return Write({}, stream);
  const std::array<std::string_view, kMaxParts> parts = {"0\r\n", trailers, "\r\n"};
  return Write(parts, stream);
}

bool RequestOutput::Flush(net::Stream& stream) {
  blocked_ = false;
  return Write({}, &stream);
}

bool RequestOutput::Write(std::span<const std::string_view> parts, net::Stream* stream) {
  if (stream == nullptr || blocked_ || stopped_) {
    for (const std::string_view part : parts) Keep(part);
    return true;
  }
  std::array<iovec, kMaxParts + 2> out{};
  size_t count = 0;
  size_t total = 0;
  const auto add = [&](std::string_view bytes) {
    if (bytes.empty()) return;
    out[count++] = {const_cast<char*>(bytes.data()), bytes.size()};
    total += bytes.size();
  };
  add(std::string_view(head_).substr(head_sent_));
  add(std::string_view(kept_).substr(kept_sent_));
  for (const std::string_view part : parts) add(part);
  if (total == 0) return true;
  const ssize_t result = stream->TryWrite({out.data(), count});
  auto taken = static_cast<size_t>(std::max<ssize_t>(result, 0));
  blocked_ = taken < total;
  sent_ += taken;
  head_sent_ += TakeOff(taken, head_.size() - head_sent_);
  if (taken > 0) body_begun_ = true;
  kept_sent_ += TakeOff(taken, unsent());
  if (kept_sent_ == kept_.size()) {
    kept_.clear();
    kept_sent_ = 0;
  }
  for (const std::string_view part : parts) Keep(part.substr(TakeOff(taken, part.size())));
  return result >= 0;
}

void RequestOutput::Keep(std::string_view bytes) {
  if (bytes.empty()) return;
  // So that what was sent does not pile up behind a server that never takes everything.
  if (kept_sent_ > kept_.size() / 2) {
    kept_.erase(0, kept_sent_);
    kept_sent_ = 0;
  }
  kept_ += bytes;
}

}  // namespace sluice::proxy
