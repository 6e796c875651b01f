// Feeds bytes to the response parser in one piece and torn, and checks what must hold for whatever
// it lets through.
//
// Input: a byte that says whether HEAD is answered and how large the pieces are, and the bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/http/response_parser.h"

namespace {

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
  std::string error;
  size_t consumed = 0;  // up to the end of the message
  Event event = Event::kMore;
};

std::string CheckHead(const ResponseHead& head) {
  Require(head.status() >= 200 && head.status() <= 599);
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

void Parse(std::string_view bytes, size_t piece_size, bool answers_head, Outcome& outcome) {
  ResponseParser parser(kLimits);
  parser.Start(answers_head);
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
      if (fed.event == Event::kHead) outcome.head = CheckHead(parser.head());
      if (fed.event == Event::kMore) Require(rest.empty());
    } while (!over() && (outcome.event == Event::kHead || !rest.empty()));
  }
  if (!over()) outcome.event = parser.End();
  if (outcome.event == Event::kError) outcome.error = parser.error().message;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const bool answers_head = (bytes[0] & 1U) != 0;
  const size_t piece_size = (size_t{bytes[0]} >> 1U) + 1;
  const std::string_view input(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  Outcome whole;
  Parse(input, size, answers_head, whole);
  Outcome torn;
  Parse(input, piece_size, answers_head, torn);
  Require(whole.event == torn.event);
  Require(whole.head == torn.head && whole.body == torn.body && whole.error == torn.error);
  Require(whole.event == Event::kError || whole.consumed == torn.consumed);
  Require(!answers_head || whole.body.empty());
  return 0;
}
