#include "server/access_log.h"

#include <cstdlib>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sluice/http/request_parser.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr uint64_t kTime = 1'795'343'515'123;  // 2026-11-22T10:31:55.123Z

class AccessLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
    redactor_.AddName("ticket");
    peer_.family = net::PeerAddress::Family::kIpv4;
    peer_.bytes = {192, 0, 2, 7};
    peer_.port = 51034;
    summary_.peer = &peer_;
    summary_.connection_id = 17;
    summary_.status = 200;
    summary_.route = "news";
    summary_.duration_ns = 1'234'567;
    summary_.bytes_sent = 300;
    summary_.body_bytes_sent = 42;
  }

  // The request whose head this is, without its last line end.
  void SetRequest(const std::string& head) {
    const std::string bytes = head + "\r\n\r\n";
    const auto fed = parser_.Feed(bytes, nullptr);
    ASSERT_EQ(fed.event, http::RequestParser::Event::kHead) << parser_.error().detail;
    summary_.request = &parser_.request();
  }

  std::string Combined() {
    return std::string(
        AccessLog(config::AccessFormat::kCombined, redactor_).Format(summary_, kTime));
  }
  std::string Json() {
    return std::string(AccessLog(config::AccessFormat::kJson, redactor_).Format(summary_, kTime));
  }

  http::Redactor redactor_;
  http::RequestLimits limits_;
  http::RequestParser parser_{limits_};
  net::PeerAddress peer_;
  RequestSummary summary_;
};

TEST_F(AccessLogTest, CombinedIsAsNginxWritesIt) {
  SetRequest(
      "GET /events/news?type=a HTTP/1.1\r\nHost: a\r\nReferer: https://app.example/\r\n"
      "User-Agent: Mozilla/5.0 (X11)");
  EXPECT_EQ(
      Combined(),
      "192.0.2.7 - - [22/Nov/2026:10:31:55 +0000] \"GET /events/news?type=a HTTP/1.1\" 200 42 "
      "\"https://app.example/\" \"Mozilla/5.0 (X11)\"");
}

TEST_F(AccessLogTest, CombinedHasTheLocalTime) {
  setenv("TZ", "XYZ-05:30", 1);
  tzset();
  EXPECT_THAT(Combined(), HasSubstr("[22/Nov/2026:16:01:55 +0530]"));
}

TEST_F(AccessLogTest, JsonHasEveryMember) {
  SetRequest(
      "HEAD /events/news?type=a HTTP/1.0\r\nReferer: https://app.example/\r\nUser-Agent: curl");
  summary_.subject = "ann";
  summary_.stream = true;
  EXPECT_EQ(
      Json(),
      "{\"time\":\"2026-11-22T10:31:55.123Z\",\"client\":\"192.0.2.7\",\"port\":51034,"
      "\"method\":\"HEAD\",\"target\":\"/events/news?type=a\",\"host\":null,\"protocol\":\"HTTP/"
      "1.0\","
      "\"status\":200,\"bytes\":42,\"duration\":0.001235,\"route\":\"news\",\"subject\":\"ann\","
      "\"referer\":\"https://app.example/\",\"user_agent\":\"curl\",\"connection\":17,"
      "\"stream\":true,\"error\":null,\"upstream\":null}");
}

TEST_F(AccessLogTest, JsonSaysWhatTheUpstreamDid) {
  SetRequest("GET / HTTP/1.1\r\nHost: www.example:8080");
  UpstreamRecord record;
  record.name = "app";
  record.status = 200;
  record.call.server = "app.internal:3000";
  record.call.address = std::make_shared<const std::string>("192.0.2.9:3000");
  record.call.tries = 3;
  record.call.failures = {{"192.0.2.7:3000", proxy::CallFailure::Kind::kConnect},
                          {"unix:/run/\"a\".sock", proxy::CallFailure::Kind::kConnectTime}};
  record.call.connect_ns = 1'500'000;
  record.call.head_ns = 20'000'000;
  record.call.end_ns = 2'000'000'000;
  record.call.bytes_sent = 120;
  record.call.bytes_received = 5'000'000'000;
  summary_.upstream = &record;
  auto line = nlohmann::json::parse(Json());
  EXPECT_EQ(line["host"], "www.example:8080");
  EXPECT_EQ(line["upstream"], nlohmann::json::parse(R"({
    "name": "app", "addr": "192.0.2.9:3000", "status": 200, "connect_time": 0.0015,
    "header_time": 0.02, "response_time": 2.0, "bytes_sent": 120, "bytes_received": 5000000000,
    "tries": 3, "error": null, "failed": [
      {"addr": "192.0.2.7:3000", "reason": "connect"},
      {"addr": "unix:/run/\"a\".sock", "reason": "connect_timeout"}]})"));
  record = {.name = "app", .status = 0, .error = "no_server", .stream = false, .call = {}};
  line = nlohmann::json::parse(Json());
  EXPECT_EQ(line["upstream"], nlohmann::json::parse(R"({
    "name": "app", "addr": null, "status": null, "connect_time": null, "header_time": null,
    "response_time": null, "bytes_sent": 0, "bytes_received": 0, "tries": 0, "failed": [],
    "error": "no_server"})"));
  EXPECT_THAT(Combined(), Not(HasSubstr("app")));
}

TEST_F(AccessLogTest, RefusedHeadHasALineWithoutTheRequest) {
  summary_.status = 400;
  summary_.route = {};
  summary_.error = "header line 3: no colon";
  EXPECT_EQ(Combined(), "192.0.2.7 - - [22/Nov/2026:10:31:55 +0000] \"-\" 400 42 \"-\" \"-\"");
  const auto line = nlohmann::json::parse(Json());
  EXPECT_TRUE(line["method"].is_null());
  EXPECT_TRUE(line["target"].is_null());
  EXPECT_EQ(line["route"], "none");
  EXPECT_EQ(line["error"], "header line 3: no colon");
}

TEST_F(AccessLogTest, SecretsAreRedactedInTargetAndReferer) {
  SetRequest(
      "GET /e?ticket=s3cret&type=a HTTP/1.1\r\nHost: a\r\n"
      "Referer: https://u:s3cret@h/?token=s3cret");
  for (const std::string& line : {Combined(), Json()}) {
    EXPECT_THAT(line, Not(HasSubstr("s3cret")));
    EXPECT_THAT(line, HasSubstr("/e?ticket=***&type=a"));
    EXPECT_THAT(line, HasSubstr("https://***@h/?token=***"));
  }
}

TEST_F(AccessLogTest, HostileBytesAreEscaped) {
  SetRequest("GET /e?\"\\ HTTP/1.1\r\nHost: a\r\nUser-Agent: \"x\" \\ \t\xff\xc2\x85\xc3\xa9");
  summary_.subject = "a b\"\n";
  EXPECT_EQ(
      Combined(),
      "192.0.2.7 - a\\x20b\\x22\\x0A [22/Nov/2026:10:31:55 +0000] \"GET /e?\\x22\\x5C HTTP/1.1\" "
      "200 42 \"-\" \"\\x22x\\x22 \\x5C \\x09\\xFF\\xC2\\x85\\xC3\\xA9\"");
  const std::string json = Json();
  for (const char c : json) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << json;
  const auto line = nlohmann::json::parse(json);
  EXPECT_EQ(line["subject"], "a b\"\n");
  EXPECT_EQ(line["target"], "/e?\"\\");
  EXPECT_EQ(line["user_agent"], "\"x\" \\ \t\uFFFD\u0085\u00e9");
}

TEST_F(AccessLogTest, UnixClientsHaveNoAddress) {
  peer_ = {};
  peer_.family = net::PeerAddress::Family::kUnix;
  EXPECT_THAT(Combined(), HasSubstr("unix: - - ["));
  EXPECT_EQ(nlohmann::json::parse(Json())["client"], "unix:");
}

TEST_F(AccessLogTest, TimeFollowsTheSecond) {
  AccessLog log(config::AccessFormat::kJson, redactor_);
  EXPECT_THAT(std::string(log.Format(summary_, kTime)), HasSubstr("10:31:55.123Z"));
  EXPECT_THAT(std::string(log.Format(summary_, kTime + 5)), HasSubstr("10:31:55.128Z"));
  EXPECT_THAT(std::string(log.Format(summary_, kTime + 1000)), HasSubstr("10:31:56.123Z"));
}

}  // namespace
}  // namespace sluice::server
