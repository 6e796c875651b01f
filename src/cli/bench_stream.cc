#include "cli/bench_stream.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace sluice::cli::bench {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool StreamParser::TakeHead(std::string_view bytes, std::string& rest) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  pending_.append(bytes);
  const size_t end = pending_.find(kEnd);
  if (end == std::string::npos) {
    if (pending_.size() > kMaxHead) state_ = State::kBroken;
    return false;
  }
  rest = pending_.substr(end + kEnd.size());
  pending_.resize(end);
  ParseHead(pending_);
  pending_.clear();
  return state_ == State::kOpen;
}

void StreamParser::ParseHead(std::string_view head) {
  constexpr std::string_view kVersion = "HTTP/1.";
  constexpr size_t kStatusAt = 9;
  state_ = State::kBroken;
  if (!head.starts_with(kVersion) || head.size() < kStatusAt + 3) return;
  const char* digits = head.data() + kStatusAt;
  if (std::from_chars(digits, digits + 3, status_).ptr != digits + 3) return;
  state_ = State::kOpen;

  std::string lower(head);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const size_t field = lower.find("\r\ntransfer-encoding:");
  if (field == std::string::npos) return;
  const std::string_view line =
      std::string_view(lower).substr(field, lower.find("\r\n", field + 2) - field);
  if (line.find("chunked") != std::string_view::npos) chunk_ = Chunk::kSize;
}

bool StreamParser::TakeChunkSize(std::string_view& bytes) {
  constexpr uint64_t kMaxChunk = uint64_t{1} << 40;
  while (!bytes.empty()) {
    const char c = bytes.front();
    bytes.remove_prefix(1);
    if (c == '\n') {
      chunk_ = chunk_left_ == 0 ? Chunk::kNone : Chunk::kData;
      if (chunk_left_ == 0) state_ = State::kEnded;
      return true;
    }
    if (chunk_ == Chunk::kExtension) continue;
    const int digit = HexDigit(c);
    if (digit < 0) {
      chunk_ = Chunk::kExtension;
      continue;
    }
    chunk_left_ = chunk_left_ * 16 + static_cast<uint64_t>(digit);
    if (chunk_left_ > kMaxChunk) {
      state_ = State::kBroken;
      return false;
    }
  }
  return false;
}

std::string_view StreamParser::NextBody(std::string_view& bytes) {
  std::string_view body;
  switch (chunk_) {
    case Chunk::kNone:
      body = bytes;
      bytes = {};
      break;
    case Chunk::kSize:
    case Chunk::kExtension:
      TakeChunkSize(bytes);
      break;
    case Chunk::kData:
      body = bytes.substr(0, chunk_left_);
      bytes.remove_prefix(body.size());
      chunk_left_ -= body.size();
      if (chunk_left_ == 0) chunk_ = Chunk::kDataEnd;
      break;
    case Chunk::kDataEnd:
      if (bytes.front() == '\n') chunk_ = Chunk::kSize;
      if (bytes.front() != '\n' && bytes.front() != '\r') state_ = State::kBroken;
      bytes.remove_prefix(1);
      break;
  }
  return body;
}

}  // namespace sluice::cli::bench
