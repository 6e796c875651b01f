// Feeds bytes to the response parser in one piece and torn, and checks what must hold for whatever
// it lets through.
//
// Input: a byte that says what was asked and how large the pieces are, and the bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/http/response_parser.h"

namespace {

using sluice::http::ResponseContext;
using sluice::http::ResponseHead;
using sluice::http::ResponseParser;
using Event = ResponseParser::Event;

constexpr sluice::http::ResponseLimits kLimits = {.head_bytes = 512, .headers = 10};

void Require(bool holds) {
  if (!holds) std::abort();
}

struct Outcome : sluice::http::BodySink {
  void OnBodyBytes(std::string_view bytes) override { body += bytes; }

  std::string head;
  std::string body;
  std::string trailers;
  std::string error;
  size_t consumed = 0;  // up to the end of the message
  Event event = Event::kMore;
};

std::string CheckHead(const ResponseHead& head) {
  Require(head.status() >= 101 && head.status() <= 599);
  Require(head.status() >= 200 || head.body() == ResponseHead::Body::kNone);
  Require(head.header_count() <= kLimits.headers);
  Require(head.body() != ResponseHead::Body::kChunked || head.minor_version() == 1);
  Require(head.body() != ResponseHead::Body::kUntilClose || !head.keep_alive());
  std::string text = std::to_string(head.status()) + std::string(head.reason());
  int framings = 0;
  for (size_t i = 0; i < head.header_count(); ++i) {
    const auto [name, value] = head.header(i);
    Require(!name.empty() && name.find_first_of(" \t\r\n:") == std::string::npos);
    Require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    if (sluice::http::EqualsIgnoreCase(name, "content-length") ||
        sluice::http::EqualsIgnoreCase(name, "transfer-encoding")) {
      ++framings;
    }
    text.append(name).append("=").append(value).append("\n");
  }
  Require(framings <= 1);
  return text;
}

// What is handed on must be lines that a head could have, of names that are harmless there.
void CheckTrailers(std::string_view lines) {
  while (!lines.empty()) {
    const size_t end = lines.find("\r\n");
    const size_t colon = lines.find(": ");
    Require(end != std::string_view::npos && colon != 0 && colon < end);
    const std::string_view name = lines.substr(0, colon);
    Require(name.find_first_of(" \t\r\n:") == std::string_view::npos);
    Require(lines.substr(0, end).find_first_of(std::string_view("\r\n\0", 3)) ==
            std::string_view::npos);
    for (const std::string_view framing : {"content-length", "transfer-encoding", "connection"}) {
      Require(!sluice::http::EqualsIgnoreCase(name, framing));
    }
    lines.remove_prefix(end + 2);
  }
}

void Parse(std::string_view bytes, size_t piece_size, const ResponseContext& context,
           Outcome& outcome) {
  ResponseParser parser(kLimits);
  parser.Start(context);
  const auto over = [&] { return outcome.event == Event::kEnd || outcome.event == Event::kError; };
  for (size_t at = 0; at < bytes.size() && !over(); at += piece_size) {
    const std::string_view part = bytes.substr(at, piece_size);
    const std::vector<char> piece(part.begin(), part.end());
    std::string_view rest(piece.data(), piece.size());
    do {
      const auto fed = parser.Feed(rest, &outcome);
      Require(fed.consumed <= rest.size());
      outcome.event = fed.event;
      outcome.consumed += fed.consumed;
      rest.remove_prefix(fed.consumed);
      if (fed.event == Event::kHead || fed.event == Event::kInterim) {
        Require(context.interim || fed.event == Event::kHead);
        Require(parser.head().status() >= 200 || parser.head().status() != 101 || context.upgrade);
        outcome.head += CheckHead(parser.head());
      }
      if (fed.event == Event::kEnd) {
        CheckTrailers(parser.trailers());
        outcome.trailers = parser.trailers();
      }
      if (fed.event == Event::kMore) Require(rest.empty());
    } while (!over() &&
             (outcome.event == Event::kHead || outcome.event == Event::kInterim || !rest.empty()));
  }
  using Body = ResponseHead::Body;
  const ResponseHead& head = parser.head();
  if (!over()) {
    // The connection's end is that of an answer only if nothing else says where it ends.
    outcome.event = parser.End();
    Require(outcome.event == Event::kError || head.body() == Body::kUntilClose);
  } else if (outcome.event == Event::kEnd) {
    Require(head.body() != Body::kUntilClose);
    Require(head.body() != Body::kNone || outcome.body.empty());
    Require(head.body() != Body::kLength || outcome.body.size() == head.content_length());
  }
  if (outcome.event == Event::kError) outcome.error = parser.error().message;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const ResponseContext context = {.head = (bytes[0] & 1U) != 0,
                                   .upgrade = (bytes[0] & 2U) != 0,
                                   .interim = (bytes[0] & 4U) != 0};
  const size_t piece_size = (size_t{bytes[0]} >> 3U) + 1;
  const std::string_view input(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  Outcome whole;
  Parse(input, size, context, whole);
  Outcome torn;
  Parse(input, piece_size, context, torn);
  Require(whole.event == torn.event);
  Require(whole.head == torn.head && whole.body == torn.body && whole.error == torn.error);
  Require(whole.event == Event::kError || whole.consumed == torn.consumed);
  Require(whole.trailers == torn.trailers);
  Require(!context.head || whole.body.empty());
  return 0;
}
