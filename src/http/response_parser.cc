#include "sluice/http/response_parser.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "http/head_scan.h"
#include "http/length_body.h"
#include "http/line_cutter.h"
#include "http/llhttp_machine.h"
#include "http/trailers.h"

namespace sluice::http {
namespace {

constexpr uint32_t kMaxInterim = 16;
constexpr int kContinue100 = 100;
constexpr int kSwitchingProtocols = 101;

// Chunk sizes and extensions that frame nothing are bounded in proportion to the body so far.
constexpr uint64_t kFramingPerBodyByte = 16;

bool IsText(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

}  // namespace

ResponseParser::ResponseParser(const ResponseLimits& limits)
    : limits_(limits), machine_(LlhttpMachine::Make(LlhttpMachine::Kind::kResponse)) {}

ResponseParser::~ResponseParser() = default;

void ResponseParser::Start(const ResponseContext& context) {
  context_ = context;
  interim_ = 0;
  error_ = {};
  Forget();
}

void ResponseParser::Forget() {
  machine_->Reset();
  if (context_.head) machine_->ExpectNoBody();
  head_.Clear();
  trailers_.clear();
  body_bytes_ = framing_bytes_ = 0;
  phase_ = Phase::kHead;
}

ResponseParser::Fed ResponseParser::Feed(std::string_view bytes, BodySink* sink) {
  if (phase_ == Phase::kInterim) Forget();
  switch (phase_) {
    case Phase::kHead:
      return FeedHead(bytes);
    case Phase::kBody:
      return FeedBody(bytes, sink);
    case Phase::kTrailers:
      return FeedTrailers(bytes);
    case Phase::kEnd:
      return {Event::kEnd, 0};
    case Phase::kInterim:
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
    if (head_.fields_.bytes().empty() && TakeWholeHead(rest)) {
      consumed += head_.fields_.bytes().size();
      const Event event = EndHead();
      if (event != Event::kMore) return {event, consumed};
      Forget();
      continue;
    }
    const ScannedHead scanned = ScanHead(head_.fields_.bytes(), rest);
    const std::string_view piece =
        rest.substr(0, std::min(scanned.size, limits_.head_bytes - head_.fields_.bytes().size()));
    const LlhttpMachine::Ran ran = machine_->Run(piece, nullptr);
    head_.fields_.Append(piece);
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
    const Event event = EndHead();
    if (event != Event::kMore) return {event, consumed};
    Forget();
  }
  return {Event::kMore, consumed};
}

bool ResponseParser::TakeWholeHead(std::string_view bytes) {
  head_.fields_.Append(bytes.substr(0, std::min<size_t>(kOnePieceBytes, limits_.head_bytes)));
  const std::string_view head = head_.fields_.bytes();
  LineCutter cutter(head);
  std::string_view line;
  // llhttp knows the status when it has read the head.
  bool good = cutter.Next(line);
  const std::string_view status_line = line;
  while (good) {
    good = cutter.Next(line);
    if (!good || line.empty()) break;
    good = ReadField(line);
  }
  const size_t size = cutter.position();
  good = good && machine_->RunHead(head.substr(0, size)) && ReadStatusLine(status_line) &&
         ReadFraming();
  if (good) {
    head_.fields_.Truncate(size);
  } else {
    error_ = {};
    Forget();
  }
  return good;
}

ResponseParser::Event ResponseParser::EndHead() {
  if (head_.status() >= 200) {
    phase_ = machine_->message_complete() ? Phase::kEnd : Phase::kBody;
    return Event::kHead;
  }
  if (head_.status() == kSwitchingProtocols) {
    if (!context_.upgrade) {
      Refuse(Errc::kInvalid, "the server switched protocols (101) without being asked");
      return Event::kError;
    }
    if (head_.minor_version_ == 0 || !head_.fields_.HasToken(FieldName::kConnection, "upgrade") ||
        !EqualsIgnoreCase(head_.fields_.Find(FieldName::kUpgrade).value_or(""), "websocket")) {
      Refuse(Errc::kInvalid, "the server switched protocols (101), but not to WebSocket");
      return Event::kError;
    }
    head_.keep_alive_ = false;
    phase_ = Phase::kEnd;
    return Event::kHead;
  }
  if (++interim_ > kMaxInterim) {
    Refuse(Errc::kInvalid, "the server sends interim answers (1xx) without end");
    return Event::kError;
  }
  if (!context_.interim || head_.status() == kContinue100) return Event::kMore;
  phase_ = Phase::kInterim;
  return Event::kInterim;
}

bool ResponseParser::ReadHead() {
  const std::string_view bytes = head_.fields_.bytes();
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
  // Text for people, which nobody needs: what is not text is left out (RFC 9112 4).
  if (line.size() > kReasonAt && IsText(line.substr(kReasonAt))) {
    head_.reason_ = head_.fields_.SliceOf(line.substr(kReasonAt));
  }
  return true;
}

bool ResponseParser::ReadField(std::string_view line) {
  if (head_.fields_.size() >= limits_.headers) {
    return Refuse(Errc::kLimit,
                  fmt::format("the answer has more than {} header lines", limits_.headers));
  }
  return head_.fields_.AddField(line) ||
         Refuse(Errc::kInvalid, fmt::format("the answer's header line {} is not NAME: VALUE",
                                            head_.fields_.size() + 1));
}

bool ResponseParser::ReadFraming() {
  const FieldLines& fields = head_.fields_;
  const bool has_length = fields.Has(FieldName::kContentLength);
  const std::optional<std::string_view> coding = fields.Find(FieldName::kTransferEncoding);
  if ((has_length && coding) || fields.Repeats(FieldName::kContentLength) ||
      fields.Repeats(FieldName::kTransferEncoding)) {
    return Refuse(Errc::kInvalid,
                  "the answer gives its body's length twice (Content-Length, Transfer-Encoding)");
  }
  const bool chunked = coding && EqualsIgnoreCase(*coding, "chunked");
  if (coding && (!chunked || head_.minor_version_ == 0)) {
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
      head_.body_ != Body::kUntilClose &&
      !head_.fields_.HasToken(FieldName::kConnection, "close") &&
      (head_.minor_version_ == 1 || head_.fields_.HasToken(FieldName::kConnection, "keep-alive"));
  return true;
}

ResponseParser::Fed ResponseParser::FeedBody(std::string_view bytes, BodySink* sink) {
  if (head_.body() == ResponseHead::Body::kLength) {
    const size_t taken = FeedLength(bytes, head_.content_length(), body_bytes_, sink);
    if (body_bytes_ < head_.content_length()) return {Event::kMore, taken};
    phase_ = Phase::kEnd;
    return {Event::kEnd, taken};
  }
  struct Taker : LlhttpMachine::BodyTaker {
    bool TakeBody(std::string_view part) override {
      taken += part.size();
      if (sink != nullptr) sink->OnBodyBytes(part);
      return true;
    }
    uint64_t taken = 0;
    BodySink* sink = nullptr;
  };
  Taker taker;
  taker.sink = sink;
  const LlhttpMachine::Ran ran = machine_->Run(bytes, &taker);
  body_bytes_ += taker.taken;
  framing_bytes_ += ran.consumed - std::min<uint64_t>(taker.taken, ran.consumed);
  if (ran.fault != LlhttpFault::kNone) {
    Refuse(Errc::kInvalid, fmt::format("the answer's body is broken: {}", machine_->reason()));
    return {Event::kError, ran.consumed};
  }
  if (framing_bytes_ > limits_.head_bytes + kFramingPerBodyByte * body_bytes_) {
    Refuse(Errc::kLimit, "the answer's chunk framing is too long");
    return {Event::kError, ran.consumed};
  }
  if (machine_->message_complete()) {
    phase_ = Phase::kEnd;
    return {Event::kEnd, ran.consumed};
  }
  if (!machine_->in_trailers()) return {Event::kMore, ran.consumed};
  phase_ = Phase::kTrailers;
  trailers_ = kTrailersBegin;
  Fed fed = FeedTrailers(bytes.substr(ran.consumed));
  fed.consumed += ran.consumed;
  return fed;
}

ResponseParser::Fed ResponseParser::FeedTrailers(std::string_view bytes) {
  const TrailersFed fed = http::FeedTrailers(bytes, limits_.head_bytes, *machine_, trailers_);
  switch (fed.event) {
    case TrailersFed::Event::kMore:
      return {Event::kMore, fed.consumed};
    case TrailersFed::Event::kEnd:
      trailers_ = KeepTrailers(trailers_, head_.fields_);
      phase_ = Phase::kEnd;
      return {Event::kEnd, fed.consumed};
    case TrailersFed::Event::kLimit:
      Refuse(Errc::kLimit,
             fmt::format("the answer's trailers are longer than {} bytes", limits_.head_bytes));
      break;
    case TrailersFed::Event::kLines:
      Refuse(
          Errc::kInvalid,
          "the answer's trailers have a line that has no name, is folded or does not end in CR LF");
      break;
    case TrailersFed::Event::kSyntax:
      Refuse(Errc::kInvalid,
             fmt::format("the answer's trailers are broken: {}", machine_->reason()));
      break;
  }
  return {Event::kError, fed.consumed};
}

bool ResponseParser::Refuse(Errc code, std::string message) {
  error_ = {code, std::move(message)};
  trailers_.clear();
  phase_ = Phase::kFailed;
  return false;
}

}  // namespace sluice::http
