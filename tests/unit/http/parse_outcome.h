// What a RequestParser makes of some bytes, as text that can be compared: one paragraph a message.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/http/request_parser.h"

namespace sluice::http {

inline std::string Describe(const Request& request) {
  std::string out(request.method_text());
  out += " " + std::string(request.target()) + " 1." + std::to_string(request.minor_version());
  out += " host=" + std::string(request.host());
  out += " path=" + std::string(request.path().text());
  out += " query=" + std::string(request.query());
  if (request.asterisk()) out += " asterisk";
  out += request.keep_alive() ? " keep" : " close";
  if (request.expects_continue()) out += " expect";
  if (request.chunked()) out += " chunked";
  out += " length=" + std::to_string(request.content_length()) + "\n";
  for (size_t i = 0; i < request.header_count(); ++i) {
    out += std::string(request.header(i).name) + "=" + std::string(request.header(i).value) + "\n";
  }
  return out;
}

struct BodyString : BodySink {
  void OnBodyBytes(std::string_view bytes) override { text += bytes; }
  std::string text;
};

struct Outcome {
  std::string text;  // the messages that were complete, and the head of one that was not
  int status = 0;    // of the refusal, 0 without one
  std::string detail;
  bool operator==(const Outcome&) const = default;
};

// Feeds the pieces one after the other, as a connection would.
inline Outcome ParsePieces(const std::vector<std::string_view>& pieces,
                           const RequestLimits& limits = {}) {
  RequestParser parser(limits);
  Outcome outcome;
  BodyString body;
  for (const std::string_view piece : pieces) {
    // A copy of exactly this size: a sanitizer sees whoever reads past it or keeps it.
    const std::vector<char> copy(piece.begin(), piece.end());
    std::string_view rest(copy.data(), copy.size());
    while (!rest.empty() || parser.complete()) {
      const RequestParser::Fed fed = parser.Feed(rest, &body);
      rest.remove_prefix(fed.consumed);
      if (fed.event == RequestParser::Event::kHead) {
        outcome.text += Describe(parser.request());
      } else if (fed.event == RequestParser::Event::kEnd) {
        outcome.text += "body=" + body.text + "\n";
        if (!parser.trailers().empty()) {
          outcome.text += "trailers=" + std::string(parser.trailers()) + "\n";
        }
        body.text.clear();
        parser.Next();
      } else if (fed.event == RequestParser::Event::kError) {
        outcome.status = parser.error().status;
        outcome.detail = parser.error().detail;
        return outcome;
      }
    }
  }
  return outcome;
}

inline Outcome Parse(std::string_view bytes, const RequestLimits& limits = {}) {
  return ParsePieces({bytes}, limits);
}

}  // namespace sluice::http
