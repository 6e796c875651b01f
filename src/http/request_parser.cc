#include "sluice/http/request_parser.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "http/head_reader.h"
#include "http/length_body.h"
#include "http/line_cutter.h"
#include "http/llhttp_machine.h"
#include "http/text.h"
#include "http/trailers.h"
#include "sluice/base/memory.h"

namespace sluice::http {
namespace {

// Empty lines before a request line are skipped (RFC 9112 2.2), but not for ever.
constexpr uint32_t kSkippedBytes = 8;

// Chunk sizes and extensions are dropped as they come. What they may cost is bounded, in proportion
// to the body that they could at most frame: a chunk of one byte has 5 bytes around it.
constexpr uint64_t kFramingPerBodyByte = 8;

constexpr std::string_view kTargetEnd = " \r\n";

bool IsTokenChar(char c) {
  static constexpr std::string_view kAlso = "!#$%&'*+-.^_`|~";
  return IsAlphanumeric(c) || kAlso.find(c) != std::string_view::npos;
}

// What a method looks like that we just do not know: a token, up to a space or to where llhttp gave
// up.
bool LooksLikeMethod(std::string_view text) {
  if (text.size() > 1 && text.back() == ' ') text.remove_suffix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenChar);
}

// "... HTTP/d.d" of a version other than ours.
bool EndsInOtherVersion(std::string_view line) {
  if (line.size() < 9) return false;
  const std::string_view version = line.substr(line.size() - 9);
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return version.starts_with(" HTTP/") && digit(version[6]) && version[7] == '.' &&
         digit(version[8]) && version != " HTTP/1.1" && version != " HTTP/1.0";
}

uint64_t FramingLimit(uint64_t head_bytes, uint64_t body_bytes) {
  const uint64_t most = std::numeric_limits<uint64_t>::max() - head_bytes;
  return body_bytes > most / kFramingPerBodyByte ? most
                                                 : head_bytes + kFramingPerBodyByte * body_bytes;
}

}  // namespace

RequestParser::RequestParser(const RequestLimits& limits)
    : limits_(limits), machine_(LlhttpMachine::Make(LlhttpMachine::Kind::kRequest)) {}

RequestParser::~RequestParser() = default;

void RequestParser::Next() {
  machine_->Reset();
  request_.Clear();
  error_ = RequestError();
  Release(trailers_);
  body_bytes_ = framing_bytes_ = 0;
  line_start_ = skipped_ = 0;
  phase_ = Phase::kHead;
}

RequestParser::Fed RequestParser::Feed(std::string_view bytes, BodySink* sink) {
  switch (phase_) {
    case Phase::kHead:
      return FeedHead(bytes);
    case Phase::kBody:
      return FeedBody(bytes, sink);
    case Phase::kTrailers:
      return FeedTrailers(bytes);
    case Phase::kEnd:
      return {Event::kEnd, 0};
    case Phase::kFailed:
      break;
  }
  return {Event::kError, 0};
}

// Most heads come in one piece. Others are cut into lines here, and llhttp gets one after the
// other, or the part of it that has come. So where the head ends is decided twice, and both must
// agree; and a refusal is the same however the bytes were torn.
RequestParser::Fed RequestParser::FeedHead(std::string_view bytes) {
  size_t consumed = 0;
  if (!started()) {
    while (consumed < bytes.size() && (bytes[consumed] == '\r' || bytes[consumed] == '\n')) {
      if (++skipped_ > kSkippedBytes) {
        return Refuse(consumed, 400, "request line: empty lines instead of it");
      }
      ++consumed;
    }
    if (TakeWholeHead(bytes.substr(consumed))) {
      return EndHead(consumed + request_.fields_.bytes().size());
    }
    request_.fields_.Reserve(std::min<size_t>(bytes.size() - consumed, limits_.head_bytes));
  }
  while (consumed < bytes.size()) {
    const std::string_view rest = bytes.substr(consumed);
    if (LineIsFolded(rest.front())) {
      return Refuse(consumed, 400, Where() + ": a folded line (obs-fold) is not allowed");
    }
    const size_t lf = rest.find('\n');
    const std::string_view wanted = rest.substr(0, lf == std::string_view::npos ? lf : lf + 1);
    const std::string_view piece = wanted.substr(0, Allowance(wanted));
    request_.fields_.Append(piece);
    const bool whole_line = lf != std::string_view::npos && piece.size() == wanted.size();
    const bool last_line = whole_line && LineIsEmpty();

    // The last byte of the head makes llhttp decide how the body is framed: what the fields say
    // must have been checked by then, but after llhttp was content with all the bytes before.
    const size_t held = last_line ? 1 : 0;
    LlhttpMachine::Ran ran = machine_->Run(piece.substr(0, piece.size() - held), nullptr);
    if (ran.fault == LlhttpFault::kNone && last_line) {
      if (!HeadReader(request_, error_).Finish()) return Fail(consumed);
      ran = machine_->Run(piece.substr(piece.size() - held), nullptr);
      ran.consumed += piece.size() - held;
    }
    consumed += ran.consumed;
    if (ran.fault != LlhttpFault::kNone) {
      return RefuseFault(ran.fault, consumed,
                         request_.fields_.bytes().size() - piece.size() + ran.consumed);
    }
    if (piece.size() < wanted.size()) return RefuseSize(consumed);
    if (!whole_line) break;
    if (last_line) return EndHead(consumed);
    if (!EndLine()) return Fail(consumed);
  }
  return {Event::kMore, consumed};
}

bool RequestParser::TakeWholeHead(std::string_view bytes) {
  request_.fields_.Append(bytes.substr(0, std::min<size_t>(kOnePieceBytes, limits_.head_bytes)));
  const std::string_view head = request_.fields_.bytes();
  HeadReader reader(request_, error_);
  LineCutter cutter(head);
  std::string_view line;
  bool good =
      cutter.Next(line) && line.size() <= limits_.target_bytes && reader.ReadRequestLine(line);
  while (good) {
    good = cutter.Next(line);
    if (!good || line.empty()) break;
    good = request_.fields_.size() < limits_.headers && reader.ReadField(line);
  }
  // As below, llhttp decides about the framing when the fields have been looked at.
  const size_t size = cutter.position();
  good = good && reader.Finish() && machine_->RunHead(head.substr(0, size));
  if (good) {
    request_.fields_.Truncate(size);
  } else {
    machine_->Reset();
    request_.Clear();
    error_ = RequestError();
  }
  return good;
}

bool RequestParser::LineIsFolded(char first) const {
  return line_start_ > 0 && line_start_ == request_.fields_.bytes().size() &&
         (first == ' ' || first == '\t');
}

bool RequestParser::LineIsEmpty() const {
  return line_start_ > 0 && request_.fields_.bytes().size() - line_start_ == 2 &&
         request_.fields_.bytes()[line_start_] == '\r';
}

size_t RequestParser::Allowance(std::string_view piece) const {
  const size_t have = request_.fields_.bytes().size();
  const size_t allowance = limits_.head_bytes - std::min<size_t>(have, limits_.head_bytes);
  if (line_start_ > 0 || have + piece.size() <= limits_.target_bytes) return allowance;
  // In the request line the target has a limit of its own. It lies between the first two spaces.
  size_t space = request_.fields_.bytes().find(' ');
  if (space == std::string::npos) {
    space = piece.find(' ');
    if (space == std::string_view::npos) return allowance;
    space += have;
  }
  const size_t target = space + 1;
  if (request_.fields_.bytes().find_first_of(kTargetEnd, target) != std::string::npos)
    return allowance;
  const size_t from = std::max(target, have) - have;
  const size_t end = have + std::min(piece.find_first_of(kTargetEnd, from), piece.size());
  const size_t limit = std::max<size_t>(target + limits_.target_bytes, have);
  return end > limit ? std::min(allowance, limit - have) : allowance;
}

// A line with its line end is complete, and llhttp is content with it.
bool RequestParser::EndLine() {
  const std::string& bytes = request_.fields_.bytes();
  const auto end = static_cast<uint32_t>(bytes.size());
  const bool ok = end - line_start_ >= 2 && bytes.find('\r', line_start_) == end - 2;
  if (!ok || machine_->head_complete()) {
    error_ = {400, Where() + ": it must end in CR LF"};
    return false;
  }
  if (line_start_ > 0 && request_.fields_.size() >= limits_.headers) {
    error_ = {431, "head: more than " + std::to_string(limits_.headers) + " header lines"};
    return false;
  }
  HeadReader reader(request_, error_);
  const std::string_view line = request_.View({line_start_, end - 2 - line_start_});
  if (!(line_start_ == 0 ? reader.ReadRequestLine(line) : reader.ReadField(line))) return false;
  line_start_ = end;
  return true;
}

RequestParser::Fed RequestParser::EndHead(size_t consumed) {
  if (!machine_->head_complete() || machine_->chunked() != request_.chunked_) {
    return Refuse(consumed, 400, "head: its framing is ambiguous");
  }
  request_.content_length_ = machine_->content_length();
  body_limit_ = limits_.body_bytes;
  request_.expects_continue_ = request_.expects_continue_ && request_.has_body();
  phase_ = machine_->message_complete() ? Phase::kEnd : Phase::kBody;
  return {Event::kHead, consumed};
}

bool RequestParser::CheckBodyLength() {
  if (request_.content_length() <= body_limit_) return true;
  error_ = {413, "body: more than " + std::to_string(body_limit_) + " bytes"};
  phase_ = Phase::kFailed;
  return false;
}

RequestParser::Fed RequestParser::FeedBody(std::string_view bytes, BodySink* sink) {
  struct Taker : LlhttpMachine::BodyTaker {
    bool TakeBody(std::string_view part) override {
      if (part.size() > left) return false;
      left -= part.size();
      if (sink != nullptr) sink->OnBodyBytes(part);
      return true;
    }
    uint64_t left = 0;
    BodySink* sink = nullptr;
  };
  if (!CheckBodyLength()) return {Event::kError, 0};
  if (!request_.chunked()) {
    const size_t taken = FeedLength(bytes, request_.content_length(), body_bytes_, sink);
    if (body_bytes_ < request_.content_length()) return {Event::kMore, taken};
    phase_ = Phase::kEnd;
    return {Event::kEnd, taken};
  }

  Taker taker;
  taker.left = body_limit_ - std::min(body_bytes_, body_limit_);
  taker.sink = sink;
  const uint64_t before = taker.left;
  const LlhttpMachine::Ran ran = machine_->Run(bytes, &taker);
  body_bytes_ += before - taker.left;
  framing_bytes_ += ran.consumed - std::min<uint64_t>(before - taker.left, ran.consumed);
  switch (ran.fault) {
    case LlhttpFault::kNone:
      break;
    case LlhttpFault::kStopped:
      return Refuse(ran.consumed, 413, "body: more than " + std::to_string(body_limit_) + " bytes");
    default:
      return Refuse(ran.consumed, 400, std::string("body: ") + machine_->reason());
  }
  if (framing_bytes_ > FramingLimit(limits_.head_bytes, body_limit_)) {
    return Refuse(ran.consumed, 413, "body: its chunk framing is too long");
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

RequestParser::Fed RequestParser::FeedTrailers(std::string_view bytes) {
  const TrailersFed fed = http::FeedTrailers(bytes, limits_.head_bytes, *machine_, trailers_);
  switch (fed.event) {
    case TrailersFed::Event::kMore:
      return {Event::kMore, fed.consumed};
    case TrailersFed::Event::kEnd:
      trailers_ = KeepTrailers(trailers_, request_.fields_);
      phase_ = Phase::kEnd;
      return {Event::kEnd, fed.consumed};
    case TrailersFed::Event::kLimit:
      return Refuse(fed.consumed, 431,
                    "trailers: more than " + std::to_string(limits_.head_bytes) + " bytes");
    case TrailersFed::Event::kLines:
      return Refuse(fed.consumed, 400,
                    "trailers: a line has no name, is folded (obs-fold) or does not end in CR LF");
    case TrailersFed::Event::kSyntax:
      break;
  }
  return Refuse(fed.consumed, 400, std::string("trailers: ") + machine_->reason());
}

std::string RequestParser::Where() const {
  return line_start_ == 0 ? "request line"
                          : "header line " + std::to_string(request_.fields_.size() + 1);
}

RequestParser::Fed RequestParser::Fail(size_t consumed) {
  trailers_.clear();
  phase_ = Phase::kFailed;
  return {Event::kError, consumed};
}

RequestParser::Fed RequestParser::Refuse(size_t consumed, int status, std::string detail) {
  error_ = {status, std::move(detail)};
  return Fail(consumed);
}

RequestParser::Fed RequestParser::RefuseSize(size_t consumed) {
  if (line_start_ == 0) return Refuse(consumed, 414, "request line: the target is too long");
  return Refuse(consumed, 431, "head: more than " + std::to_string(limits_.head_bytes) + " bytes");
}

RequestParser::Fed RequestParser::RefuseFault(LlhttpFault fault, size_t consumed, size_t offset) {
  const std::string_view head = request_.fields_.bytes();
  switch (fault) {
    case LlhttpFault::kMethod:
      if (!LooksLikeMethod(head.substr(0, offset + 1))) {
        return Refuse(consumed, 400, "request line: it does not begin with a method");
      }
      return Refuse(consumed, 501, "request line: the method is not known");
    case LlhttpFault::kRefused:
      if (head.starts_with("PRI")) {
        return Refuse(consumed, 505, "request line: HTTP/2 is not served here");
      }
      return Refuse(consumed, 501, "request line: the method is not served here");
    case LlhttpFault::kVersion:
      if (EndsInOtherVersion(head.substr(0, offset))) {
        return Refuse(consumed, 505, "request line: only HTTP/1.1 and HTTP/1.0 are served here");
      }
      break;
    default:
      break;
  }
  return Refuse(consumed, 400,
                Where() + ": " + machine_->reason() + " (byte " +
                    std::to_string(offset - line_start_ + 1) + ")");
}

}  // namespace sluice::http
