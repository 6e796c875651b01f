#include "bench/load_answer.h"

#include <algorithm>

#include <strings.h>

namespace sluice::bench {

std::string RequestFor(uint64_t body_bytes) {
  // What a browser would send at the least.
  return "GET /bytes/" + std::to_string(body_bytes) +
         " HTTP/1.1\r\nHost: app.example\r\nUser-Agent: bench\r\nAccept: */*\r\n"
         "Accept-Encoding: identity\r\n\r\n";
}

std::string_view FieldOf(std::string_view head, std::string_view name) {
  for (size_t at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at)) {
    at += 2;
    const std::string_view line = head.substr(at, head.find("\r\n", at) - at);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        strncasecmp(line.data(), name.data(), name.size()) == 0) {
      const size_t value = line.find_first_not_of(' ', name.size() + 1);
      return value == std::string_view::npos ? std::string_view{} : line.substr(value);
    }
  }
  return {};
}

Answer::State Answer::Wrong(std::string why) {
  fault_ = std::move(why);
  return State::kWrong;
}

Answer::State Answer::TakeHead(std::string_view& bytes) {
  size_t end = head_.empty() ? bytes.find("\r\n\r\n") : std::string_view::npos;
  std::string_view head;
  if (end != std::string_view::npos) {
    head = bytes.substr(0, end + 4);
    bytes.remove_prefix(end + 4);
  } else {
    const size_t before = head_.size();
    head_ += bytes;
    end = head_.find("\r\n\r\n");
    if (end == std::string::npos) return State::kMore;
    bytes.remove_prefix(end + 4 - before);
    head_.resize(end + 4);
    head = head_;
  }
  if (!head.starts_with("HTTP/1.1 200 ")) return Wrong(std::string(head.substr(0, 60)));
  const std::string_view length = FieldOf(head, "content-length");
  if (length != std::to_string(expected_)) {
    return Wrong("Content-Length: " + std::string(length));
  }
  in_body_ = true;
  head_.clear();
  return State::kComplete;
}

Answer::State Answer::Take(std::string_view bytes) {
  if (!in_body_) {
    const State head = TakeHead(bytes);
    if (head != State::kComplete) return head;
  }
  while (!bytes.empty()) {
    if (offset_ == expected_) return Wrong("bytes behind the answer");
    const std::string_view right = pattern_->At(offset_, expected_ - offset_);
    const size_t size = std::min(right.size(), bytes.size());
    if (bytes.substr(0, size) != right.substr(0, size)) {
      return Wrong("wrong bytes at " + std::to_string(offset_));
    }
    offset_ += size;
    bytes.remove_prefix(size);
  }
  if (offset_ < expected_) return State::kMore;
  offset_ = 0;
  in_body_ = false;
  return State::kComplete;
}

}  // namespace sluice::bench
