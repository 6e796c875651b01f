#include "sluice/http/response.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/http/status.h"

namespace sluice::http {
namespace {

using ::testing::ContainsRegex;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(ResponseTest, HeadCarriesDateLengthAndConnection) {
  const Response response{.status = 202, .headers = {{"X-A", "b"}}, .body = "12345"};
  const std::string head = SerializeHead(response, {.keep_alive = true});
  EXPECT_THAT(head, StartsWith("HTTP/1.1 202 Accepted\r\nDate: "));
  EXPECT_THAT(head,
              ContainsRegex("Date: [A-Z][a-z]+, [0-9]+ [A-Z][a-z]+ 20[0-9]+ [0-9:]+ GMT\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nX-A: b\r\n"));
  EXPECT_THAT(head, EndsWith("\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n"));
  EXPECT_THAT(SerializeHead(response, {.keep_alive = false}),
              EndsWith("Connection: close\r\n\r\n"));
  EXPECT_TRUE(SendsBody(response, {}));
}

TEST(ResponseTest, HeadRequestKeepsTheLengthAndLosesTheBody) {
  const Response response{.status = 200, .headers = {}, .body = "12345"};
  const ResponseFraming framing{.keep_alive = true, .without_body = true};
  EXPECT_THAT(SerializeHead(response, framing), HasSubstr("Content-Length: 5\r\n"));
  EXPECT_FALSE(SendsBody(response, framing));
}

TEST(ResponseTest, NoContentAndNotModifiedHaveNeitherLengthNorBody) {
  for (const int status : {204, 304}) {
    const Response response{.status = status, .headers = {}, .body = "must not be sent"};
    EXPECT_THAT(SerializeHead(response, {}), Not(HasSubstr("Content-Length")));
    EXPECT_FALSE(SendsBody(response, {}));
  }
}

TEST(ResponseTest, EmptyBodyHasLengthZero) {
  EXPECT_THAT(SerializeHead({}, {}), HasSubstr("Content-Length: 0\r\n"));
}

TEST(ResponseTest, FieldCannotEndItsLine) {
  const Response response{
      .status = 302, .headers = {{"Location", "/x\r\nSet-Cookie: a=b"}}, .body = {}};
  EXPECT_THAT(SerializeHead(response, {}), HasSubstr("Location: /x  Set-Cookie: a=b\r\n"));
}

TEST(ResponseTest, ErrorIsSmallJson) {
  const Response response = ErrorResponse(404, "no \"such\" topic\n");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body,
            "{\"error\":\"Not Found\",\"detail\":\"no \\\"such\\\" topic\\u000a\"}\n");
  EXPECT_THAT(SerializeHead(response, {}), HasSubstr("Content-Type: application/json\r\n"));
}

TEST(ResponseTest, StreamHeadIsTheContracts) {
  const std::string chunked = StreamHead(StreamFraming::kChunked, "Vary: Origin\r\n");
  EXPECT_THAT(chunked, StartsWith("HTTP/1.1 200 OK\r\n"
                                  "Content-Type: text/event-stream\r\n"
                                  "Cache-Control: no-cache, no-transform\r\n"
                                  "X-Accel-Buffering: no\r\n"
                                  "Connection: keep-alive\r\n"
                                  "Transfer-Encoding: chunked\r\n"
                                  "Vary: Origin\r\n"
                                  "Date: "));
  EXPECT_THAT(chunked, EndsWith(" GMT\r\n\r\n"));
  const std::string until_close = StreamHead(StreamFraming::kUntilClose);
  EXPECT_THAT(until_close, HasSubstr("X-Accel-Buffering: no\r\nConnection: close\r\nDate: "));
}

TEST(ResponseTest, HeadOfAStreamTellsNoLength) {
  const std::string head = SerializeHead(StreamHeadResponse(), {.without_body = true});
  EXPECT_THAT(head, HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("Content-Length")));
}

TEST(ResponseTest, DateIsImfFixdate) {
  EXPECT_EQ(FormatDate(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(FormatDate(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(CurrentDate().size(), 29U);
}

TEST(ResponseTest, EveryStatusThatIsSentHasItsPhrase) {
  for (const int status : {400, 404, 405, 406, 408, 413, 414, 417, 431, 501, 503, 505}) {
    EXPECT_NE(ReasonPhrase(status), "Unknown") << status;
  }
  EXPECT_EQ(ReasonPhrase(799), "Unknown");
}

}  // namespace
}  // namespace sluice::http
