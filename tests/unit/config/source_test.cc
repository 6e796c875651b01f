// Where a topic's messages come from: what is read, and each mistake with its place.

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/config/load_for_test.h"

namespace sluice::config {
namespace {

using ::testing::ElementsAre;

const std::string kStart =
    "listen: 127.0.0.1:80\nupstreams: {app: {servers: [127.0.0.1:3000]}}\ntopics: {feed: {";

std::vector<std::string> Problems(const std::string& keys) {
  return ProblemsIn(kStart + keys + "}}\n");
}

TEST(SourceTest, UpstreamIsAskedForThePathUnlessItIsSaidOtherwise) {
  const LoadResult result =
      Load(kStart +
           "path: /a/b, source: upstream, upstream: app}, room: {path: \"/r/{id}\", "
           "channel: \"r:{id}\", source: upstream, upstream: app, upstream_path: "
           "\"/sse?r={id}\", upstream_host: \"h:1\", upstream_resumes: false}}\n");
  ASSERT_TRUE(result) << result.error().front().ToString();
  const Topic& feed = (*result)->topics[0];
  EXPECT_EQ(feed.source, Source::kUpstream);
  EXPECT_EQ(feed.upstream, "app");
  EXPECT_EQ(feed.upstream_path, "/a/b");
  EXPECT_TRUE(feed.upstream_resumes);
  const Topic& room = (*result)->topics[1];
  EXPECT_EQ(room.upstream_path, "/sse?r={id}");
  EXPECT_EQ(room.upstream_host, "h:1");
  EXPECT_FALSE(room.upstream_resumes);
}

TEST(SourceTest, MistakesAreTold) {
  EXPECT_THAT(Problems("path: /a, source: upstream"),
              ElementsAre("3:10: topics.feed.upstream: is missing; name one under `upstreams`"));
  EXPECT_THAT(Problems("path: /a, source: upstream, upstream: ap"),
              ElementsAre("3:55: topics.feed.upstream: \"ap\" is not an upstream under "
                          "`upstreams`; did you mean \"app\"?"));
  EXPECT_THAT(Problems("path: /a, upstream: app"),
              ElementsAre("3:37: topics.feed.upstream: is not used without \"source: upstream\""));
  EXPECT_THAT(Problems("path: /a, source: upstream, upstream: app, interval: 2s"),
              ElementsAre("3:70: topics.feed.interval: is not used without \"source: metrics\""));
  EXPECT_THAT(Problems("path: /a, source: upstream, upstream: app, format: envelope"),
              ElementsAre("3:68: topics.feed.format: must be text or json with \"source: "
                          "upstream\""));
  EXPECT_THAT(Problems("path: /a, source: upstream, upstream: app, upstream_path: \"/x/{id}\""),
              ElementsAre("3:75: topics.feed.upstream_path: \"/x/{id}\" has parameters, but the "
                          "path has none"));
  EXPECT_THAT(Problems("path: \"/a/{id}\", channel: \"a:{id}\", source: upstream, upstream: app, "
                       "upstream_path: /x"),
              ElementsAre("3:101: topics.feed.upstream_path: \"/x\" must use the parameters of the "
                          "path, each once"));
  EXPECT_THAT(Problems("path: /a, source: upstream, upstream: app, upstream_path: \"/x y\""),
              ElementsAre("3:75: topics.feed.upstream_path: \"/x y\" is not the path of a request "
                          "such as /auth or /auth?from=proxy; other characters are written as "
                          "%XX"));
}

TEST(SourceTest, NobodyElsePublishesOnIt) {
  EXPECT_THAT(ProblemsIn(kStart + "path: /a, source: upstream, upstream: app}}\npublish: [{path: "
                                  "/p, topic: feed, auth: none}]\n"),
              ElementsAre("4:29: publish[0].topic: \"feed\" has \"source: upstream\": the upstream "
                          "alone publishes on it"));
}

}  // namespace
}  // namespace sluice::config
