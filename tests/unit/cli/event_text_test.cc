#include "cli/event_text.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "cli/text.h"

namespace sluice::cli {
namespace {

TEST(EventTextTest, ALineOfDataIsALine) {
  EXPECT_EQ(EventText({.type = "message", .data = "hello", .last_event_id = "1"}, false),
            "hello\n");
  EXPECT_EQ(EventText({.type = "message", .data = "", .last_event_id = ""}, false), "\n");
  EXPECT_EQ(EventText({.type = "message", .data = "a\n\nb\n", .last_event_id = ""}, false),
            "a\n\nb\n\n");
  EXPECT_EQ(EventText({.type = "alert", .data = "a\nb", .last_event_id = ""}, false),
            "[alert] a\nb\n");
}

TEST(EventTextTest, OnATerminalControlCharactersAreShown) {
  const sse::ReceivedEvent event{
      .type = "\x1b[2J", .data = "a\x1b]0;x\x07\tb\nc", .last_event_id = ""};
  EXPECT_EQ(EventText(event, true), "[\\x1b[2J] a\\x1b]0;x\\x07\tb\nc\n");
  EXPECT_EQ(EventText(event, false), "[\x1b[2J] a\x1b]0;x\x07\tb\nc\n");
}

TEST(EventTextTest, JsonIsOneLine) {
  EXPECT_EQ(EventJson({.type = "a\"b", .data = "x\ny\x01", .last_event_id = "7"}),
            "{\"type\":\"a\\\"b\",\"id\":\"7\",\"data\":\"x\\u000ay\\u0001\"}\n");
}

TEST(TextTest, PrintableMovesNoCursor) {
  EXPECT_EQ(Printable("a\tb \xC3\xA4\xE2\x82\xAC"), "a\tb \xC3\xA4\xE2\x82\xAC");
  EXPECT_EQ(Printable("\r\n\x1b\x7f\xC2\x9B"), "\\x0d\\x0a\\x1b\\x7f\\x9b");
  EXPECT_EQ(Printable("a\xFF"), "a\xEF\xBF\xBD");
}

TEST(TextTest, AStatusIsDescribedWithTheDetailOfItsBody) {
  EXPECT_EQ(DescribeStatus(404, "x", R"({"error":"Not Found","detail":"no such topic"})"),
            "404 Not Found: no such topic");
  EXPECT_EQ(DescribeStatus(404, "x", "<html>"), "404 Not Found");
  EXPECT_EQ(DescribeStatus(499, "Odd\x1b", R"({"detail":7})"), "499 Odd\\x1b");
  EXPECT_EQ(DescribeStatus(500, "", R"({"detail":")" + std::string(5000, 'x') + "\"}"),
            "500 Internal Server Error: " + std::string(500, 'x'));
}

}  // namespace
}  // namespace sluice::cli
