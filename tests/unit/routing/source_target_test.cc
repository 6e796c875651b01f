#include "sluice/routing/source_target.h"

#include <gtest/gtest.h>

namespace sluice::routing {
namespace {

config::Topic Topic(const std::string& channel, const std::string& path) {
  config::Topic topic;
  topic.channel = channel;
  topic.upstream_path = path;
  return topic;
}

TEST(SourceTargetTest, ParametersAreEncoded) {
  const auto room = Topic("room:{id}", "/rooms/{id}/events?v=1%2F2");
  EXPECT_EQ(SourceTarget(room, "room:42"), "/rooms/42/events?v=1%2F2");
  EXPECT_EQ(SourceTarget(room, "room:a b/c?d#e%&=+\xC3\xA9~-._"),
            "/rooms/a%20b%2Fc%3Fd%23e%25%26%3D%2B%C3%A9~-._/events?v=1%2F2");
  EXPECT_EQ(SourceTarget(room, "news"), std::nullopt);
}

TEST(SourceTargetTest, SeveralParametersInAnyOrder) {
  EXPECT_EQ(SourceTarget(Topic("{a}:{b}", "/{b}/x/{a}"), "1:2"), "/2/x/1");
}

TEST(SourceTargetTest, WithoutParametersItIsThePath) {
  EXPECT_EQ(SourceTarget(Topic("news", "/n\xC3\xA9ws"), "news"), "/n%C3%A9ws");
}

TEST(SourceTargetTest, DotsAreNoSegments) {
  const auto room = Topic("room:{id}", "/rooms/{id}");
  EXPECT_EQ(SourceTarget(room, "room:."), std::nullopt);
  EXPECT_EQ(SourceTarget(room, "room:.."), std::nullopt);
  EXPECT_EQ(SourceTarget(room, "room:..."), "/rooms/...");
}

}  // namespace
}  // namespace sluice::routing
