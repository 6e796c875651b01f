// Feeds bytes to the request parser in one piece and torn, and checks what must hold for whatever
// it lets through. The first bytes of the input say where it is torn.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/http/request_parser.h"

namespace {

using sluice::http::BodySink;
using sluice::http::Request;
using sluice::http::RequestLimits;
using sluice::http::RequestParser;

constexpr RequestLimits kLimits = {
    .head_bytes = 512, .target_bytes = 128, .headers = 10, .body_bytes = 256};

void Require(bool holds) {
  if (!holds) std::abort();
}

struct Body : BodySink {
  void OnBodyBytes(std::string_view bytes) override { text += bytes; }
  std::string text;
};

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; });
}

void CheckRequest(const Request& request) {
  Require(request.header_count() <= kLimits.headers);
  Require(!request.target().empty() && request.target().size() <= kLimits.target_bytes);
  Require(!HasControl(request.target()) &&
          request.target().find_first_of(" #") == std::string::npos);
  Require(request.minor_version() == 0 || !request.host().empty());
  Require(!(request.chunked() && request.content_length() > 0));
  Require(!request.chunked() || request.minor_version() == 1);
  int hosts = 0;
  int framings = 0;
  for (size_t i = 0; i < request.header_count(); ++i) {
    const auto [name, value] = request.header(i);
    Require(!name.empty() && name.find_first_of(" \t\r\n:") == std::string::npos);
    Require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    if (sluice::http::EqualsIgnoreCase(name, "host")) ++hosts;
    if (sluice::http::EqualsIgnoreCase(name, "content-length") ||
        sluice::http::EqualsIgnoreCase(name, "transfer-encoding")) {
      ++framings;
    }
  }
  Require(framings <= 1 && hosts <= 1 && hosts >= request.minor_version());
  for (size_t i = 0; i < request.path().segment_count(); ++i) {
    const std::string_view segment = request.path().segment(i);
    Require(!segment.empty() && segment != "." && segment != ".." && !HasControl(segment));
  }
  static_cast<void>(request.Query("a"));
  static_cast<void>(request.Cookie("a"));
  Require(!request.upgrade_websocket() ||
          (!request.has_body() && request.HeaderHasToken("connection", "upgrade")));
  static_cast<void>(request.HeaderHasToken("connection", "close"));
}

struct Reading {
  std::vector<std::string> messages;  // target and body of each that was complete
  int status = 0;                     // of the refusal
  bool in_body = false;               // where it came
};

// `cuts` says how many bytes come at a time; none: all at once.
Reading Read(std::string_view bytes, const std::vector<uint8_t>& cuts) {
  RequestParser parser(kLimits);
  Reading reading;
  Body body;
  size_t turn = 0;
  while (!bytes.empty() || parser.complete()) {
    const size_t wanted = cuts.empty() ? bytes.size() : 1 + size_t{cuts[turn++ % cuts.size()]};
    // A copy of exactly this size, so that reading past it is found.
    const std::string_view part = bytes.substr(0, wanted);
    const std::vector<char> piece(part.begin(), part.end());
    const RequestParser::Fed fed = parser.Feed(std::string_view(piece.data(), piece.size()), &body);
    Require(fed.consumed <= piece.size());
    bytes.remove_prefix(fed.consumed);
    switch (fed.event) {
      case RequestParser::Event::kMore:
        Require(fed.consumed == piece.size());
        break;
      case RequestParser::Event::kHead:
        CheckRequest(parser.request());
        reading.in_body = true;
        break;
      case RequestParser::Event::kEnd:
        Require(parser.body_bytes() == body.text.size() && body.text.size() <= kLimits.body_bytes);
        reading.messages.push_back(std::string(parser.request().target()) + " " + body.text +
                                   std::string(parser.trailers()));
        reading.in_body = false;
        body.text.clear();
        parser.Next();
        break;
      case RequestParser::Event::kError:
        reading.status = parser.error().status;
        Require(reading.status >= 400 && reading.status < 600);
        Require(!parser.error().detail.empty() && !HasControl(parser.error().detail));
        return reading;
    }
  }
  return reading;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const std::vector<uint8_t> cuts(data, data + 4);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 4, size - 4);
  const Reading whole = Read(bytes, {});
  const Reading torn = Read(bytes, cuts);
  Require(whole.messages == torn.messages);
  Require((whole.status != 0) == (torn.status != 0) && whole.in_body == torn.in_body);
  // A body with two faults may be refused for either.
  Require(whole.status == torn.status || whole.in_body);
  return 0;
}
