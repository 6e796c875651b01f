// What `sluice explain` says about routes; tests/integration/test_cli_token.py has the rest.

#include "cli/explain.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "sluice/config/load.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kConfig = R"(
listen: 127.0.0.1:8080
auth:
  members: {token: {query: token, bearer: true}, static: [{token: good, subject: ada}]}
upstreams:
  app: {servers: [127.0.0.1:3000, {address: 127.0.0.1:3001, weight: 2}, {address: "[::1]:3002", backup: true}]}
  files: {servers: ["files.internal:443"], tls: true, max_connections: 9, balance: hash, hash: {cookie: sid}}
limits: {per_ip: 30, requests: {rate: 600/m, burst: 9}}
topics:
  news: {path: /events/news, auth: members, limits: {requests: {rate: 5/s, by: token},
         connections: {max: 3, by: {cookie: sid}}, refuse: retry}}
  room: {path: "/events/rooms/{id}", channel: "room:{id}", internal: true}
  board: {path: "/boards/{id}", channel: "board:{id}", source: upstream, upstream: app, upstream_path: "/sse?b={id}"}
  asked: {path: /events/asked, auth: {request: {upstream: app, path: /auth}}}
routes:
  - {path: /, upstream: app}
  - {path: /api, upstream: app, strip_prefix: true, host: app.internal, auth: members, strip_tokens: true,
     body_bytes: 0, request_buffering: on, buffering: off, websocket: false, limit_rate: 1000}
  - {path: /, hosts: [app.example], upstream: files,
     auth: {request: {upstream: app, path: /auth, cache: 5s, cache_key: ["cookie:sid"]}}}
  - {name: files, path: /protected, internal: true, upstream: files}
)";

// The lines by their names, and "status".
std::map<std::string, std::string> Ask(const Question& question) {
  const auto config =
      config::ParseConfig(kConfig, "f.yaml", [](const std::string&) { return std::nullopt; });
  if (!config) return {{"error", config.error().front().ToString()}};
  const Explanation explanation = Explain(*config, question, 1'700'000'000'000);
  std::map<std::string, std::string> lines;
  std::string_view text = explanation.text;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() + 1);
    const size_t end = line.substr(0, 10).find_last_not_of(' ') + 1;
    lines.emplace(line.substr(0, end), line.substr(11));
  }
  lines.emplace("status", std::to_string(explanation.status));
  return lines;
}

std::map<std::string, std::string> Ask(std::string target, std::string token = "",
                                       std::string host = "localhost", bool internal = false) {
  Question question;
  question.target = std::move(target);
  question.token = std::move(token);
  question.host = std::move(host);
  question.internal = internal;
  return Ask(question);
}

std::map<std::string, std::string> AskByName(std::string name) {
  Question question;
  question.name = std::move(name);
  return Ask(question);
}

TEST(ExplainTest, RouteIsNamedWithItsServersAndWhatTheySee) {
  const auto lines = Ask("/x/../y?token=s3cret", "", "h.example:81");
  EXPECT_EQ(lines.at("request"), "GET /y");
  EXPECT_EQ(lines.at("route"), "route / (path /)");
  EXPECT_EQ(lines.at("upstream"),
            "app: 127.0.0.1:3000, 127.0.0.1:3001 (weight 2), [::1]:3002 (backup), round_robin");
  EXPECT_EQ(lines.at("it sees"), "/y with the query, Host h.example:81 (the client's)");
  EXPECT_EQ(lines.at("auth"), "none: open to everyone who can connect");
  EXPECT_EQ(lines.at("tokens"), "passed on to the upstream");
  EXPECT_EQ(lines.at("body"), "1048576 bytes at most, passed on as it comes");
  EXPECT_TRUE(
      lines.at("buffering").starts_with("on: the upstream is read on while less than 65536 "));
  EXPECT_EQ(lines.at("limits"), "18000 connections; connect 2.0 s, send 60.0 s, read 60.0 s");
  EXPECT_EQ(lines.at("answer"), "what app answers");
  EXPECT_EQ(lines.at("status"), "200");
}

TEST(ExplainTest, WhatARouteChangesIsSaid) {
  const auto lines = Ask("/api/users", "good");
  EXPECT_EQ(lines.at("it sees"), "/users, Host app.internal");
  EXPECT_EQ(lines.at("subject"), "ada");
  EXPECT_EQ(lines.at("tokens"), "taken out");
  EXPECT_EQ(lines.at("body"), "0 bytes at most, read whole before the upstream is asked");
  EXPECT_EQ(lines.at("buffering"),
            "off: the upstream is read on when nothing waits for the client");
  EXPECT_EQ(lines.at("websocket"), "not passed on");
  EXPECT_EQ(lines.at("limits"),
            "18000 connections; connect 2.0 s, send 60.0 s, read 60.0 s; 1000 bytes a second");
}

TEST(ExplainTest, SchemeOfARouteDecides) {
  EXPECT_EQ(Ask("/api").at("answer"), "401 Unauthorized: a token is needed");
  EXPECT_EQ(Ask("/api", "bad").at("status"), "401");
  EXPECT_EQ(Ask("/api", "good").at("status"), "200");
}

TEST(ExplainTest, SourceOfATopicIsSaid) {
  EXPECT_EQ(Ask("/boards/a%20b")["channel"], "board:a b (upstream app, GET /sse?b=a%20b)");
}

TEST(ExplainTest, LimitsOfAClientAreSaid) {
  EXPECT_EQ(Ask("/events/news", "good")["client"],
            "30 connections by address; 5 requests a second by token, 5 at once; 3 streams by "
            "cookie sid; then a stream that ends with a retry");
  EXPECT_EQ(Ask("/")["client"],
            "30 connections by address; 600 requests a minute by address, 9 at once "
            "(limits.requests); then 429");
}

TEST(ExplainTest, HostOfTheUrlCounts) {
  const auto lines = Ask("/x", "", "APP.example");
  EXPECT_EQ(lines.at("route"), "route app.example/ (path /, hosts app.example)");
  EXPECT_EQ(lines.at("upstream"), "files: files.internal:443, TLS");
  EXPECT_EQ(lines.at("auth"),
            "GET /auth of upstream app decides, request by request; a good answer holds for 5.0 s "
            "with the same cookie:sid");
  EXPECT_TRUE(lines.at("limits").ends_with("; 9 connections to a server"));
  EXPECT_TRUE(Ask("/events/asked").at("auth").starts_with("GET /auth of upstream app"));
}

TEST(ExplainTest, InternalThingsAreShownOnRequestOnly) {
  for (const char* target : {"/protected/x", "/events/rooms/1"}) {
    const auto outside = Ask(target);
    EXPECT_EQ(outside.at("status"), "404") << target;
    EXPECT_NE(outside.at("answer").find("internal"), std::string::npos) << target;
    EXPECT_EQ(Ask(target, "", "localhost", true).at("status"), "200") << target;
  }
  EXPECT_EQ(Ask("/protected/x", "", "localhost", true).at("route"),
            "route files (path /protected, internal)");
  EXPECT_EQ(AskByName("@files").at("route"), "route files (path /protected, internal)");
  EXPECT_EQ(AskByName("@nowhere").at("answer"),
            "404 Not Found: no route has that name; the configuration has @files");
}

}  // namespace
}  // namespace sluice::cli
