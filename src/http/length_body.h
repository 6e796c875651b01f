// A body whose length is known: there is nothing to parse in it. Any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sluice/http/request_parser.h"

namespace sluice::http {

// Gives `sink`, which may be null, what belongs to the body of `length`, of which `got` came
// before, and adds it there. Returns how much of `bytes` that is.
inline size_t FeedLength(std::string_view bytes, uint64_t length, uint64_t& got, BodySink* sink) {
  const std::string_view part = bytes.substr(0, std::min<uint64_t>(length - got, bytes.size()));
  got += part.size();
  if (sink != nullptr && !part.empty()) sink->OnBodyBytes(part);
  return part.size();
}

}  // namespace sluice::http
