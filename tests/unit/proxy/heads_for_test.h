// Heads that tests write as text.
#pragma once

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "sluice/http/request_parser.h"
#include "sluice/http/response_parser.h"
#include "sluice/net/address.h"

namespace sluice::proxy {

// "GET / HTTP/1.1|Host: a|X: y": lines with '|' for their ends, and without the empty one.
inline std::string Lines(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') {
      out += "\r\n";
    } else {
      out += c;
    }
  }
  return out + "\r\n\r\n";
}

// The same back.
inline std::string Unlined(std::string_view head) {
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
  std::string out;
  for (const char c : head.substr(0, head.size() - 4)) {
    if (c == '\n') {
      out += '|';
    } else if (c != '\r') {
      out += c;
    }
  }
  return out;
}

inline http::Request RequestOf(std::string_view lines) {
  const http::RequestLimits limits;
  http::RequestParser parser(limits);
  EXPECT_EQ(parser.Feed(Lines(lines), nullptr).event, http::RequestParser::Event::kHead)
      << parser.error().detail << "\n"
      << lines;
  return parser.request();
}

inline http::ResponseHead ResponseOf(std::string_view lines,
                                     const http::ResponseContext& context = {}) {
  const http::ResponseLimits limits;
  http::ResponseParser parser(limits);
  parser.Start(context);
  const auto event = parser.Feed(Lines(lines), nullptr).event;
  EXPECT_TRUE(event == http::ResponseParser::Event::kHead ||
              event == http::ResponseParser::Event::kInterim)
      << parser.error().message << "\n"
      << lines;
  return parser.head();
}

inline net::PeerAddress AddressOf(std::string_view text) {
  if (text == "unix") return {.family = net::PeerAddress::Family::kUnix};
  const auto address = net::ParsePeerAddress(text);
  EXPECT_TRUE(address.has_value()) << text;
  return address.value_or(net::PeerAddress{});
}

}  // namespace sluice::proxy
