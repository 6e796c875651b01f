#include "server/fd_need.h"

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "sluice/config/load.h"

namespace sluice::server {
namespace {

constexpr uint64_t kWorkers = 4;
constexpr const char* kRoute = "routes: [{path: /, upstream: app}]\n";

// Of 1,000 clients.
FdNeed Needed(const std::string& text) {
  const auto config =
      config::ParseConfig("listen: 127.0.0.1:0\nlimits: {connections: 1000}\n" + text, "test.yaml",
                          [](const std::string&) { return std::optional<std::string>(); });
  EXPECT_TRUE(config) << config.error().front().ToString();
  return config ? FdsNeeded(**config, kWorkers) : FdNeed();
}

std::string App(const std::string& keys) {
  return "upstreams: {app: {servers: [10.0.0.1:80, 10.0.0.2:80], " + keys + "}}\n";
}

TEST(FdNeedTest, TopicsNeedOneForEachClient) {
  const FdNeed need = Needed("topics: {news: {path: /news}}\n");
  EXPECT_EQ(need.clients, 1'000U);
  EXPECT_EQ(need.upstreams, 0U);
  EXPECT_GT(need.own, 0U);
  EXPECT_EQ(need.all(), need.clients + need.own);
}

TEST(FdNeedTest, RoutesNeedOneMoreForEachClient) {
  EXPECT_EQ(Needed(App("keepalive: 0") + kRoute).upstreams, 1'000U);
  EXPECT_EQ(Needed(App("keepalive: 10") + kRoute).upstreams, 1'080U)
      << "and those that are kept, or will be";
  EXPECT_EQ(Needed(App("keepalive: 10")).upstreams, 0U) << "nobody asks it";
}

TEST(FdNeedTest, MaxConnectionsIsTheMost) {
  EXPECT_EQ(Needed(App("keepalive: 0, max_connections: 30") + kRoute).upstreams, 60U);
  EXPECT_EQ(Needed(App("keepalive: 0, max_connections: 900") + kRoute).upstreams, 1'000U)
      << "no client needs two at a time";
  EXPECT_EQ(Needed("upstreams: {app: {servers: [app.internal:80], keepalive: 0, max_connections: "
                   "30}}\n" +
                   std::string(kRoute))
                .upstreams,
            1'000U)
      << "a name may have any number of addresses";
}

TEST(FdNeedTest, UpstreamsShareTheClients) {
  const std::string more =
      "upstreams:\n"
      "  app: {servers: [10.0.0.1:80], keepalive: 1, max_connections: 100}\n"
      "  door: {servers: [10.0.0.2:80], keepalive: 1, max_connections: 200}\n"
      "  open: {servers: [10.0.0.3:80], keepalive: 1}\n";
  EXPECT_EQ(Needed(more + kRoute).upstreams, 108U);
  EXPECT_EQ(
      Needed(more + "routes: [{path: /, upstream: app, auth: {request: {upstream: door, path: "
                    "/auth}}}]\n")
          .upstreams,
      316U);
  EXPECT_EQ(Needed(more + "routes: [{path: /, upstream: app}, {path: /open, upstream: open}]\n")
                .upstreams,
            1'016U);
}

TEST(FdNeedTest, TopicsThatAskAnAppAreLikeRoutes) {
  EXPECT_EQ(Needed(App("keepalive: 0") +
                   "topics: {news: {path: /news, auth: {request: {upstream: app, path: /auth}}}}\n")
                .upstreams,
            1'000U);
}

TEST(FdNeedTest, SourcesHaveAStreamForEachChannel) {
  const auto source = [](const std::string& parameter, const std::string& keys) {
    return App("keepalive: 64") + "topics: {news: {path: \"/news" + parameter +
           "\", channel: \"news" + parameter + "\", source: upstream, upstream: app" + keys +
           "}}\n";
  };
  EXPECT_EQ(Needed(source("", "")).upstreams, 1U);
  EXPECT_EQ(Needed(source("/{id}", ", limits: {topics: 50}")).upstreams, 50U);
  EXPECT_EQ(Needed(source("/{id}", "")).upstreams, 1'000U) << "each has a client";
}

}  // namespace
}  // namespace sluice::server
