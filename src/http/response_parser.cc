#include "sluice/http/response_parser.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "http/llhttp_machine.h"
#include "http/text.h"

namespace sluice::http {
namespace {

constexpr uint32_t kMaxInterim = 16;
constexpr int kSwitchingProtocols = 101;

// How far `bytes`, which follow `before`, belong to the head.
struct Scanned {
  size_t size = 0;
  bool ended = false;    // the empty line is the end of them
  bool strange = false;  // what comes next is a bare CR or LF, or a folded line
};

// llhttp takes line ends that others read differently, and folded lines (RFC 9112 5.2).
Scanned ScanHead(std::string_view before, std::string_view bytes) {
  constexpr uint32_t kHeadEnd = 0x0D0A0D0A;
  uint32_t last_four = 0;
  const auto push = [&last_four](char c) {
    last_four = (last_four << 8) | static_cast<unsigned char>(c);
  };
  for (const char c : before.substr(before.size() - std::min<size_t>(before.size(), 4))) push(c);
  Scanned scanned;
  for (const char c : bytes) {
    const char last = static_cast<char>(last_four & 0xFF);
    scanned.strange = (c == '\n') != (last == '\r') || (last == '\n' && (c == ' ' || c == '\t'));
    if (scanned.strange) break;
    ++scanned.size;
    push(c);
    scanned.ended = last_four == kHeadEnd;
    if (scanned.ended) break;
  }
  return scanned;
}

}  // namespace

std::optional<std::string_view> ResponseHead::Header(std::string_view name) const {
  for (const Field& field : headers_) {
    if (EqualsIgnoreCase(View(field.name), name)) return View(field.value);
  }
  return std::nullopt;
}

bool ResponseHead::HeaderHasToken(std::string_view name, std::string_view token) const {
  return std::any_of(headers_.begin(), headers_.end(), [&](const Field& field) {
    return EqualsIgnoreCase(View(field.name), name) && ListHasToken(View(field.value), token);
  });
}

ResponseParser::ResponseParser(const ResponseLimits& limits)
    : limits_(limits), machine_(LlhttpMachine::Make(LlhttpMachine::Kind::kResponse)) {}

ResponseParser::~ResponseParser() = default;

void ResponseParser::Start(bool answers_head) {
  answers_head_ = answers_head;
  interim_ = 0;
  error_ = {};
  Forget();
}

void ResponseParser::Forget() {
  machine_->Reset();
  if (answers_head_) machine_->ExpectNoBody();
  head_ = {};
  phase_ = Phase::kHead;
}

ResponseParser::Fed ResponseParser::Feed(std::string_view bytes, BodySink* sink) {
  switch (phase_) {
    case Phase::kHead:
      return FeedHead(bytes);
    case Phase::kBody:
      return FeedBody(bytes, sink);
    case Phase::kEnd:
      return {Event::kEnd, 0};
    case Phase::kFailed:
      break;
  }
  return {Event::kError, 0};
}

ResponseParser::Event ResponseParser::End() {
  if (phase_ == Phase::kEnd) return Event::kEnd;
  if (phase_ == Phase::kFailed) return Event::kError;
  if (phase_ == Phase::kBody && head_.body() == ResponseHead::Body::kUntilClose) {
    phase_ = Phase::kEnd;
    return Event::kEnd;
  }
  Refuse(Errc::kClosed, !started() ? "the server closed the connection without an answer"
                                   : "the server closed the connection inside its answer");
  return Event::kError;
}

ResponseParser::Fed ResponseParser::FeedHead(std::string_view bytes) {
  size_t consumed = 0;
  while (consumed < bytes.size()) {
    const std::string_view rest = bytes.substr(consumed);
    const Scanned scanned = ScanHead(head_.bytes_, rest);
    const std::string_view piece =
        rest.substr(0, std::min(scanned.size, limits_.head_bytes - head_.bytes_.size()));
    const LlhttpMachine::Ran ran = machine_->Run(piece, nullptr);
    head_.bytes_ += piece;
    consumed += ran.consumed;
    if (ran.fault != LlhttpFault::kNone) {
      Refuse(Errc::kInvalid, fmt::format("the answer is not HTTP/1.1: {}", machine_->reason()));
      return {Event::kError, consumed};
    }
    if (piece.size() < scanned.size) {
      Refuse(Errc::kLimit,
             fmt::format("the answer's head is longer than {} bytes", limits_.head_bytes));
      return {Event::kError, consumed};
    }
    if (scanned.strange || machine_->head_complete() != scanned.ended) {
      Refuse(Errc::kInvalid,
             "the answer's head has a line that does not end in CR LF or is folded");
      return {Event::kError, consumed};
    }
    if (!scanned.ended) break;
    if (!ReadHead()) return {Event::kError, consumed};
    if (head_.status() >= 200) {
      phase_ = machine_->message_complete() ? Phase::kEnd : Phase::kBody;
      return {Event::kHead, consumed};
    }
    if (head_.status() == kSwitchingProtocols || ++interim_ > kMaxInterim) {
      Refuse(Errc::kInvalid, head_.status() == kSwitchingProtocols
                                 ? "the server switched protocols (101) without being asked"
                                 : "the server sends interim answers (1xx) without end");
      return {Event::kError, consumed};
    }
    Forget();
  }
  return {Event::kMore, consumed};
}

bool ResponseParser::ReadHead() {
  const std::string_view bytes = head_.bytes_;
  bool first = true;
  for (size_t at = 0; at + 2 < bytes.size();) {
    const size_t end = bytes.find("\r\n", at);
    const std::string_view line = bytes.substr(at, end - at);
    if (first ? !ReadStatusLine(line) : !ReadField(line)) return false;
    first = false;
    at = end + 2;
  }
  return ReadFraming();
}

// "HTTP/1.1 200 OK"; llhttp has seen that the status has three digits.
bool ResponseParser::ReadStatusLine(std::string_view line) {
  constexpr size_t kReasonAt = 13;
  if (!line.starts_with("HTTP/1.1 ") && !line.starts_with("HTTP/1.0 ")) {
    return Refuse(Errc::kInvalid, "the answer is neither HTTP/1.1 nor HTTP/1.0");
  }
  head_.minor_version_ = line[7] == '1' ? 1 : 0;
  head_.status_ = machine_->status();
  if (head_.status_ < 100 || head_.status_ > 599) {
    return Refuse(Errc::kInvalid, "the answer's status is not between 100 and 599");
  }
  if (line.size() > kReasonAt) head_.reason_ = SliceOf(line.substr(kReasonAt));
  return true;
}

bool ResponseParser::ReadField(std::string_view line) {
  if (head_.headers_.size() >= limits_.headers) {
    return Refuse(Errc::kLimit,
                  fmt::format("the answer has more than {} header lines", limits_.headers));
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) {
    return Refuse(Errc::kInvalid, fmt::format("the answer's header line {} is not NAME: VALUE",
                                              head_.headers_.size() + 1));
  }
  head_.headers_.push_back(
      {SliceOf(line.substr(0, colon)), SliceOf(TrimOws(line.substr(colon + 1)))});
  return true;
}

bool ResponseParser::ReadFraming() {
  int lengths = 0;
  int codings = 0;
  bool chunked = false;
  for (size_t i = 0; i < head_.header_count(); ++i) {
    const HeaderView field = head_.header(i);
    if (EqualsIgnoreCase(field.name, "content-length")) ++lengths;
    if (!EqualsIgnoreCase(field.name, "transfer-encoding")) continue;
    ++codings;
    chunked = EqualsIgnoreCase(field.value, "chunked");
  }
  if (lengths + codings > 1) {
    return Refuse(Errc::kInvalid,
                  "the answer gives its body's length twice (Content-Length, Transfer-Encoding)");
  }
  if (codings > 0 && (!chunked || head_.minor_version_ == 0)) {
    return Refuse(Errc::kInvalid,
                  "the answer's Transfer-Encoding is not \"chunked\", or not in HTTP/1.1");
  }
  using Body = ResponseHead::Body;
  if (machine_->message_complete()) {
    head_.body_ = Body::kNone;
  } else if (chunked) {
    head_.body_ = Body::kChunked;
  } else {
    head_.body_ = machine_->until_close() ? Body::kUntilClose : Body::kLength;
    head_.content_length_ = machine_->content_length();
  }
  head_.keep_alive_ =
      head_.body_ != Body::kUntilClose && !head_.HeaderHasToken("connection", "close") &&
      (head_.minor_version_ == 1 || head_.HeaderHasToken("connection", "keep-alive"));
  return true;
}

ResponseParser::Fed ResponseParser::FeedBody(std::string_view bytes, BodySink* sink) {
  struct Taker : LlhttpMachine::BodyTaker {
    bool TakeBody(std::string_view part) override {
      if (sink != nullptr) sink->OnBodyBytes(part);
      return true;
    }
    BodySink* sink = nullptr;
  };
  Taker taker;
  taker.sink = sink;
  const LlhttpMachine::Ran ran = machine_->Run(bytes, &taker);
  if (ran.fault != LlhttpFault::kNone) {
    Refuse(Errc::kInvalid, fmt::format("the answer's body is broken: {}", machine_->reason()));
    return {Event::kError, ran.consumed};
  }
  if (!machine_->message_complete()) return {Event::kMore, ran.consumed};
  phase_ = Phase::kEnd;
  return {Event::kEnd, ran.consumed};
}

ResponseHead::Slice ResponseParser::SliceOf(std::string_view view) const {
  return {static_cast<uint32_t>(view.data() - head_.bytes_.data()),
          static_cast<uint32_t>(view.size())};
}

bool ResponseParser::Refuse(Errc code, std::string message) {
  error_ = {code, std::move(message)};
  phase_ = Phase::kFailed;
  return false;
}

}  // namespace sluice::http
