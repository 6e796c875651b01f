// `routes:` and who decides about a request: what is read, and each mistake with its place.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/config/load_for_test.h"

namespace sluice::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

const std::string kStart =
    "listen: 127.0.0.1:80\n"
    "upstreams: {app: {servers: [127.0.0.1:3000]}}\n"
    "auth: {members: {token: {bearer: true}, static: [{token: secret}]}}\n"
    "topics: {news: {path: /events/news}}\n";

std::vector<Route> ReadAll(const std::string& yaml) {
  const LoadResult result = Load(kStart + "routes:\n" + yaml);
  if (!result) {
    ADD_FAILURE() << result.error().front().ToString();
    return {};
  }
  return (*result)->routes;
}

// Of a route that begins at 6:5.
std::vector<std::string> Problems(const std::string& yaml) {
  return ProblemsIn(kStart + "routes:\n  - " + yaml + "\n");
}

TEST(RoutesTest, OneLineIsEnough) {
  const auto routes = ReadAll("  - {path: /, upstream: app}\n");
  ASSERT_THAT(routes, SizeIs(1));
  Route expected;
  expected.name = expected.path = "/";
  expected.upstream = "app";
  EXPECT_EQ(routes[0], expected);
}

TEST(RoutesTest, EveryKeyIsRead) {
  const LoadResult result = Load("cors: {origins: [\"https://app.example\"]}\n" + kStart + R"(
routes:
  - name: api
    path: /api
    hosts: ["App.Example.", "*.Example", "[0:0::1]"]
    upstream: app
    strip_prefix: true
    host: app.internal:80
    request_headers: {set: {X-A: "1 2", X-Forwarded-Proto: https}, remove: [Cookie]}
    response_headers: {set: {Cache-Control: no-store}, remove: [Server, X-Powered-By]}
    buffering: off
    buffers: 8KiB
    request_buffering: on
    body_bytes: 10GiB
    auth: members
    strip_tokens: true
    internal: true
    websocket: false
    cors: true
    limit_rate: 1MiB
    error_pages: {502: "<h1>Back soon</h1>", 404: '{"error":"none"}', 503: Busy}
    intercept_errors: true
)");
  ASSERT_TRUE(result) << result.error().front().ToString();
  const auto& routes = (*result)->routes;
  ASSERT_THAT(routes, SizeIs(1));
  const Route& route = routes[0];
  EXPECT_EQ(route.name, "api");
  EXPECT_TRUE(route.named);
  EXPECT_EQ(route.path, "/api");
  EXPECT_THAT(route.hosts, ElementsAre("app.example", "*.example", "[::1]"));
  EXPECT_TRUE(route.strip_prefix);
  EXPECT_EQ(route.host, "app.internal:80");
  EXPECT_THAT(route.request_headers.set,
              ElementsAre(Pair("X-A", "1 2"), Pair("X-Forwarded-Proto", "https")));
  EXPECT_THAT(route.request_headers.remove, ElementsAre("cookie"));
  EXPECT_THAT(route.response_headers.set, ElementsAre(Pair("Cache-Control", "no-store")));
  EXPECT_THAT(route.response_headers.remove, ElementsAre("server", "x-powered-by"));
  EXPECT_FALSE(route.buffering);
  EXPECT_EQ(route.buffer_bytes, 8U * 1024);
  EXPECT_TRUE(route.request_buffering);
  EXPECT_EQ(route.body_bytes, uint64_t{10} << 30);
  EXPECT_EQ(route.auth, "members");
  EXPECT_TRUE(route.strip_tokens);
  EXPECT_TRUE(route.internal);
  EXPECT_FALSE(route.websocket);
  EXPECT_TRUE(route.cors);
  EXPECT_EQ(route.limit_rate, 1024U * 1024);
  ASSERT_THAT(route.error_pages, SizeIs(3));
  EXPECT_EQ(route.error_pages[0],
            (ErrorPage{502, "<h1>Back soon</h1>", "text/html; charset=utf-8"}));
  EXPECT_EQ(route.error_pages[1], (ErrorPage{404, "{\"error\":\"none\"}", "application/json"}));
  EXPECT_EQ(route.error_pages[2], (ErrorPage{503, "Busy", "text/plain; charset=utf-8"}));
  EXPECT_TRUE(route.intercept_errors);
}

TEST(RoutesTest, WithoutANameItIsCalledByItsPlace) {
  const auto routes = ReadAll(
      "  - {path: /api, upstream: app}\n"
      "  - {path: /api, hosts: [a.example, b.example], upstream: app}\n"
      "  - {name: files, internal: true, upstream: app}\n");
  ASSERT_THAT(routes, SizeIs(3));
  EXPECT_EQ(routes[0].name, "/api");
  EXPECT_FALSE(routes[0].named);
  EXPECT_EQ(routes[1].name, "a.example/api");
  EXPECT_EQ(routes[2].name, "files");
  EXPECT_EQ(routes[2].path, "") << "reached as @files only";
}

TEST(RoutesTest, PathsArePrefixesWithoutParameters) {
  EXPECT_THAT(Problems("{upstream: app}"),
              ElementsAre("6:5: routes[0].path: is missing; \"/\" stands for all that no longer "
                          "path matches"));
  EXPECT_THAT(Problems("{name: a, upstream: app}"),
              ElementsAre("6:5: routes[0].path: is missing; \"/\" stands for all that no longer "
                          "path matches"));
  EXPECT_THAT(Problems("{path: api, upstream: app}"),
              ElementsAre("6:12: routes[0].path: \"api\" does not begin with /"));
  EXPECT_THAT(Problems("{path: \"/a/{id}\", upstream: app}"),
              ElementsAre("6:12: routes[0].path: \"/a/{id}\" has a parameter; a route's path is a "
                          "prefix, and matches all below it"));
  EXPECT_THAT(Problems("{path: /a//b, upstream: app}"),
              ElementsAre("6:12: routes[0].path: \"/a//b\" has an empty segment, \".\" or \"..\"; "
                          "no request is routed by such a path"));
}

TEST(RoutesTest, PlacesAndNamesAreTakenOnce) {
  EXPECT_THAT(Problems("{path: /a, upstream: app}\n  - {path: /a, upstream: app}"),
              ElementsAre("7:12: routes[1].path: this path is that of routes[0].path on line 6"));
  EXPECT_THAT(Problems("{path: /a, upstream: app}\n  - {path: /a/, upstream: app}"), IsEmpty())
      << "/a/ is for less";
  EXPECT_THAT(Problems("{path: /a, hosts: [x.example], upstream: app}\n"
                       "  - {path: /a, upstream: app}\n"
                       "  - {path: /b, hosts: [x.example], upstream: app}"),
              IsEmpty());
  EXPECT_THAT(Problems("{path: /a, hosts: [x.example, y.example], upstream: app}\n"
                       "  - {path: /a, hosts: [Y.example], upstream: app}"),
              ElementsAre("7:12: routes[1].path: this path on y.example is that of routes[0].path "
                          "on line 6"));
  EXPECT_THAT(Problems("{name: a, path: /a, upstream: app}\n"
                       "  - {name: a, path: /b, upstream: app}"),
              ElementsAre("7:12: routes[1].name: this name is that of routes[0].name on line 6"));
  EXPECT_THAT(Problems("{name: news, path: /a, upstream: app}"),
              ElementsAre("6:12: routes[0].name: \"news\" is the name of a topic: metrics and logs "
                          "would mix them"));
  EXPECT_THAT(Problems("{name: publish, path: /a, upstream: app}"),
              ElementsAre("6:12: routes[0].name: \"publish\" is what metrics and logs call other "
                          "requests"));
  EXPECT_THAT(Problems("{name: a/b, path: /a, upstream: app}"),
              ElementsAre("6:12: routes[0].name: \"a/b\" is no name: a route's name is 1 to 128 "
                          "letters, digits, and _ . : - (but not sluice:...)"));
}

TEST(RoutesTest, UpstreamsAndSchemesAreKnown) {
  EXPECT_THAT(Problems("{path: /}"),
              ElementsAre("6:5: routes[0].upstream: is missing; name one under `upstreams`"));
  EXPECT_THAT(Problems("{path: /, upstream: apq}"),
              ElementsAre("6:25: routes[0].upstream: \"apq\" is not an upstream under `upstreams`; "
                          "did you mean \"app\"?"));
  EXPECT_THAT(Problems("{path: /, upstream: app, auth: member}"),
              ElementsAre("6:36: routes[0].auth: \"member\" is not a scheme under `auth`; did you "
                          "mean \"members\"?"));
  EXPECT_THAT(Problems("{path: /, upstream: app, auth: none}"), IsEmpty());
  EXPECT_THAT(Problems("{path: /, upstream: app, cors: true}"),
              ElementsAre("6:36: routes[0].cors: is not used: there is no `cors` that names "
                          "origins"));
  EXPECT_THAT(ProblemsIn("listen: 127.0.0.1:80\nroutes: [{path: /, upstream: app}]\n"),
              ElementsAre("2:30: routes[0].upstream: \"app\" is not an upstream under "
                          "`upstreams`"));
  EXPECT_THAT(
      ProblemsIn("listen: 127.0.0.1:80\nupstreams: {app: {servers: [a:1]}}\n"
                 "routes: [{path: /, upstream: app, strip_tokens: true}]\n"),
      ElementsAre("3:49: routes[0].strip_tokens: is not used: there is no scheme under `auth` "
                  "that says where tokens are"));
}

TEST(RoutesTest, HostsAreNamesWithoutPorts) {
  const std::string no_host =
      " is not a host such as app.example, *.example or [::1]; it has no port, a * stands for "
      "whole labels at its beginning, and other letters are written as xn--...";
  for (const char* host : {"a:80", "*", "*.", "a.*", "*a.example", "[::1", "[a]", "[1.2.3.4]",
                           "a b", "", "bücher.example", "a/b", "a..b"}) {
    EXPECT_THAT(Problems(std::string("{path: /, upstream: app, hosts: [\"") + host + "\"]}"),
                ElementsAre(std::string("6:38: routes[0].hosts[0]: \"") + host + "\"" + no_host));
  }
  EXPECT_THAT(Problems("{path: /, upstream: app, hosts: []}"),
              ElementsAre("6:30: routes[0].hosts: is an empty list; without the key the route is "
                          "for all hosts"));
  EXPECT_THAT(Problems("{path: /, upstream: app, hosts: [a, A.]}"),
              ElementsAre("6:41: routes[0].hosts[1]: \"A.\" is in the list already"));
  EXPECT_THAT(Problems("{name: x, internal: true, upstream: app, hosts: [a], strip_prefix: true}"),
              ElementsAre("6:46: routes[0].hosts: is not used without a path",
                          "6:72: routes[0].strip_prefix: is not used without a path"));
}

TEST(RoutesTest, NoHeaderEditTouchesFraming) {
  const auto set = [](const std::string& field) {
    return Problems("{path: /, upstream: app, request_headers: {set: {" + field + "}}}");
  };
  for (const char* name : {"Connection", "Content-Length", "Transfer-Encoding", "TE", "Trailer",
                           "Upgrade", "Keep-Alive", "Proxy-Connection", "Expect"}) {
    const std::string key = std::string("6:54: routes[0].request_headers.set.") + name + ": \"";
    EXPECT_THAT(set(std::string(name) + ": x"),
                ElementsAre(key + name +
                            "\" is about one connection or the message's framing: it is the "
                            "gateway's own"));
  }
  EXPECT_THAT(set("host: x"), ElementsAre("6:54: routes[0].request_headers.set.host: \"host\" is "
                                          "changed by the route's `host` alone"));
  EXPECT_THAT(set("\"X A\": x"), ElementsAre("6:54: routes[0].request_headers.set.X A: \"X A\" is "
                                             "not the name of a header field"));
  EXPECT_THAT(set("X-A: \"a\\r\\nB: c\""),
              ElementsAre("6:59: routes[0].request_headers.set.X-A: \"a\\x0d\\x0aB: c\" holds a "
                          "line break, another control character or bytes that are not UTF-8"));
  EXPECT_THAT(set("X-A: \"\""),
              ElementsAre("6:59: routes[0].request_headers.set.X-A: is empty; to send no such "
                          "field, name it under `remove`"));
  EXPECT_THAT(set("X-A: \" a\""),
              ElementsAre("6:59: routes[0].request_headers.set.X-A: \" a\" begins or ends with a "
                          "space, which no field's value can"));
  EXPECT_THAT(set("X-A: a, x-a: b"), ElementsAre("6:62: routes[0].request_headers.set.x-a: \"x-a\" "
                                                 "is set already"));
  EXPECT_THAT(
      Problems(
          "{path: /, upstream: app, response_headers: {set: {a: b}, remove: [A, a, Upgrade]}}"),
      ElementsAre("6:62: routes[0].response_headers.remove: has \"a\", which `set` sets: it "
                  "replaces what is there",
                  "6:74: routes[0].response_headers.remove[1]: \"a\" is in the list already",
                  "6:77: routes[0].response_headers.remove[2]: \"Upgrade\" is about one connection "
                  "or the message's framing: it is the gateway's own"));
}

TEST(RoutesTest, ErrorPagesAreForErrors) {
  for (const char* status : {"200", "399", "600", "0502", "5xx"}) {
    EXPECT_THAT(
        Problems(std::string("{path: /, upstream: app, error_pages: {\"") + status + "\": x}}"),
        ElementsAre(std::string("6:44: routes[0].error_pages.") + status + ": \"" + status +
                    "\" is not a status from 400 to 599"));
  }
  EXPECT_THAT(
      Problems("{path: /, upstream: app, error_pages: {502: file:missing.html}}"),
      ElementsAre("6:49: routes[0].error_pages.502: the file missing.html cannot be opened: No "
                  "such file or directory"));
  EXPECT_THAT(Problems("{path: /, upstream: app, error_pages: {502: \"" + std::string(65'537, 'x') +
                       "\"}}"),
              ElementsAre("6:49: routes[0].error_pages.502: the value is longer than 65536 bytes"));
  EXPECT_THAT(Problems("{path: /, upstream: app, error_pages: {502: \"file:a\\nb\"}}"),
              ElementsAre("6:49: routes[0].error_pages.502: names a file with a line break or "
                          "another control character"));
  EXPECT_THAT(Problems("{path: /, upstream: app, intercept_errors: true}"),
              ElementsAre("6:48: routes[0].intercept_errors: is not used without error_pages"));
}

TEST(AuthRequestTest, AnAppDecidesForRoutesAndTopics) {
  const auto routes = ReadAll(
      "  - path: /\n    upstream: app\n    auth:\n      request: {upstream: app, path: "
      "\"/auth?x\", "
      "copy: [X-User], cache: 5s, cache_key: [\"cookie:Sid\", \"header:Authorization\"]}\n");
  ASSERT_THAT(routes, SizeIs(1));
  EXPECT_EQ(routes[0].auth, "");
  EXPECT_EQ(routes[0].auth_request,
            (AuthRequest{.upstream = "app",
                         .path = "/auth?x",
                         .copy = {"x-user"},
                         .cache_ms = 5'000,
                         .cache_key = {"cookie:Sid", "header:authorization"}}));
  const LoadResult topic = Load(
      "listen: 127.0.0.1:80\nupstreams: {app: {servers: [a:1]}}\n"
      "topics: {news: {path: /n, internal: true, auth: {request: {upstream: app, path: /a}}}}\n");
  ASSERT_TRUE(topic) << topic.error().front().ToString();
  EXPECT_TRUE((*topic)->topics[0].internal);
  EXPECT_EQ((*topic)->topics[0].auth_request->path, "/a");
}

TEST(AuthRequestTest, MistakesAreNamed) {
  const auto problems = [](const std::string& request) {
    return Problems("{path: /, upstream: app, auth: {request: " + request + "}}");
  };
  EXPECT_THAT(problems("{}"),
              ElementsAre("6:37: routes[0].auth.request.upstream: is missing",
                          "6:37: routes[0].auth.request.path: is missing; say what to ask for, "
                          "such as /auth"));
  EXPECT_THAT(problems("{upstream: ap, path: auth}"),
              ElementsAre("6:57: routes[0].auth.request.upstream: \"ap\" is not an upstream under "
                          "`upstreams`; did you mean \"app\"?",
                          "6:67: routes[0].auth.request.path: \"auth\" is not the path of a "
                          "request such as /auth or /auth?from=proxy; other characters are "
                          "written as %XX"));
  EXPECT_THAT(problems("{upstream: app, path: /a, cache: 5s}"),
              ElementsAre("6:79: routes[0].auth.request.cache: needs cache_key, which says what "
                          "tells one person's requests from another's, such as "
                          "[\"cookie:session\", \"header:authorization\"]"));
  EXPECT_THAT(problems("{upstream: app, path: /a, cache_key: [\"cookie:a\"]}"),
              ElementsAre("6:72: routes[0].auth.request.cache_key: is not used without cache"));
  EXPECT_THAT(problems("{upstream: app, path: /a, cache: 1s, cache_key: [cookie, \"header:\"]}"),
              ElementsAre("6:95: routes[0].auth.request.cache_key[0]: \"cookie\" is neither "
                          "cookie:NAME nor header:NAME",
                          "6:103: routes[0].auth.request.cache_key[1]: \"header:\" is neither "
                          "cookie:NAME nor header:NAME"));
  EXPECT_THAT(Problems("{path: /, upstream: app, auth: {reqest: {}}}"),
              ElementsAre("6:30: routes[0].auth.request: is missing; or write the name of a "
                          "scheme, or none",
                          "6:37: routes[0].auth.reqest: unknown key; did you mean \"request\"?"));
  EXPECT_THAT(
      ProblemsIn(
          "listen: 127.0.0.1:80\nupstreams: {app: {servers: [a:1]}}\n"
          "topics: {a: {path: /a, auth: {request: {upstream: app, path: /a, copy: [x]}}}}\n"),
      ElementsAre("3:24: topics.a.auth: copies fields of the answer, but a topic has no upstream "
                  "to copy them to"));
}

}  // namespace
}  // namespace sluice::config
