#include "sluice/routing/router.h"

#include <gtest/gtest.h>

namespace sluice::routing {
namespace {

config::Topic MakeTopic(std::string name, std::string path, std::string channel) {
  config::Topic topic;
  topic.name = std::move(name);
  topic.path = std::move(path);
  topic.channel = std::move(channel);
  return topic;
}

class RouterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto config = std::make_shared<config::Config>();
    config->demo = true;
    config->topics = {MakeTopic("news", "/events/news", "news"),
                      MakeTopic("room", "/events/rooms/{id}", "room:{id}"),
                      MakeTopic("seat", "/events/rooms/{room}/seats/{seat}", "seat:{seat}@{room}"),
                      MakeTopic("lobby", "/events/rooms/lobby", "room:lobby")};
    config->publish = {{.path = "/publish/{topic}", .auth = {}, .topic = {}, .stamp = {}}};
    router_ = std::make_unique<Router>(config);
  }
  Match Find(std::string_view path) {
    path_ = *http::Path::Parse(path);
    return router_->Find({}, path_);
  }
  http::Path path_;
  std::unique_ptr<Router> router_;
};

TEST_F(RouterTest, ExactPathFindsItsTopic) {
  const Match match = Find("/events/news");
  EXPECT_EQ(match.action, Action::kTopic);
  EXPECT_EQ(match.index, 0U);
  EXPECT_EQ(router_->ChannelOf(match), "news");
}

TEST_F(RouterTest, ParametersMakeTheChannel) {
  EXPECT_EQ(router_->ChannelOf(Find("/events/rooms/42")), "room:42");
  EXPECT_EQ(router_->ChannelOf(Find("/events/rooms/42/seats/7")), "seat:7@42");
}

TEST_F(RouterTest, LiteralWinsOverParameter) {
  EXPECT_EQ(Find("/events/rooms/lobby").index, 3U);
  EXPECT_EQ(Find("/events/rooms/lobby/seats/1").index, 2U) << "and the parameter is tried after it";
}

TEST_F(RouterTest, EncodedSlashStaysInItsParameter) {
  const Match match = Find("/events/rooms/a%2Fb");
  ASSERT_EQ(match.action, Action::kTopic);
  EXPECT_EQ(router_->ChannelOf(match), "room:a/b");
}

TEST_F(RouterTest, OtherPathsFindNothing) {
  for (const char* path : {"/events", "/events/news/x", "/events/rooms", "/Events/news", "/publish",
                           "/events/news/"}) {
    EXPECT_EQ(Find(path).action, Action::kNone) << path;
  }
}

TEST_F(RouterTest, PublishAndDemoAreFound) {
  EXPECT_EQ(Find("/").action, Action::kDemo);
  const Match match = Find("/publish/room:42");
  EXPECT_EQ(match.action, Action::kPublish);
  EXPECT_EQ(match.parameters[0].name, "topic");
  EXPECT_EQ(match.parameters[0].value, "room:42");
}

TEST_F(RouterTest, EachChannelBelongsToOneTopic) {
  EXPECT_EQ(router_->TopicOf("news"), 0U);
  EXPECT_EQ(router_->TopicOf("room:42"), 1U);
  EXPECT_EQ(router_->TopicOf("room:lobby"), 3U) << "an exact name wins over a pattern";
  EXPECT_EQ(router_->TopicOf("seat:7@42"), 2U);
}

TEST_F(RouterTest, NamesThatNoTopicCanHaveBelongToNone) {
  EXPECT_EQ(router_->TopicOf(""), std::nullopt);
  EXPECT_EQ(router_->TopicOf("other"), std::nullopt);
  EXPECT_EQ(router_->TopicOf("room:"), std::nullopt) << "a parameter is never empty";
  EXPECT_EQ(router_->TopicOf("seat:@42"), std::nullopt);
  EXPECT_EQ(router_->TopicOf("room:" + std::string(252, 'x')), std::nullopt) << "too long";
  EXPECT_EQ(router_->TopicOf("room:\xff"), std::nullopt) << "not UTF-8";
}

TEST(RouterPublishTest, PublisherNamesATopicOrAChannel) {
  auto config = std::make_shared<config::Config>();
  config->topics = {MakeTopic("news", "/news", "site:news"),
                    MakeTopic("room", "/r/{id}", "r:{id}")};
  const Router router(config);
  EXPECT_EQ(router.PublishTarget("news")->channel, "site:news");
  EXPECT_EQ(router.PublishTarget("site:news")->channel, "site:news");
  EXPECT_EQ(router.PublishTarget("r:1")->index, 1U);
  EXPECT_FALSE(router.PublishTarget("room").has_value()) << "which of the rooms?";
}

TEST(RouterPublishTest, APathLeadsToTheTopicThatItNames) {
  auto config = std::make_shared<config::Config>();
  config->topics = {MakeTopic("news", "/news", "site:news"), MakeTopic("room", "/r/{id}", "r:{id}"),
                    MakeTopic("lobby", "/lobby", "r:lobby")};
  config->publish = {{.path = "/publish/{topic}", .auth = {}, .topic = {}, .stamp = {}},
                     {.path = "/api/news", .auth = {}, .topic = "news", .stamp = {}},
                     {.path = "/api/r/{id}/messages", .auth = {}, .topic = "room", .stamp = {}}};
  const Router router(config);
  const auto target = [&](std::string_view text) {
    const http::Path path = *http::Path::Parse(text);
    const Match match = router.Find({}, path);
    EXPECT_EQ(match.action, Action::kPublish) << text;
    return router.PublishTarget(match);
  };
  const auto by_name = target("/publish/news");
  ASSERT_TRUE(by_name.has_value());
  EXPECT_EQ(by_name->channel, "site:news");
  EXPECT_EQ(by_name->name, "news");
  const auto by_channel = target("/publish/r:7");
  ASSERT_TRUE(by_channel.has_value());
  EXPECT_EQ(by_channel->index, 1U);
  EXPECT_EQ(by_channel->name, "r:7");
  const auto fixed = target("/api/news");
  ASSERT_TRUE(fixed.has_value());
  EXPECT_EQ(fixed->index, 0U);
  EXPECT_EQ(fixed->channel, "site:news");
  EXPECT_EQ(fixed->name, "news");
  const auto room = target("/api/r/42/messages");
  ASSERT_TRUE(room.has_value());
  EXPECT_EQ(room->index, 1U);
  EXPECT_EQ(room->channel, "r:42");
  EXPECT_EQ(room->name, "r:42");
  EXPECT_FALSE(target("/publish/other").has_value());
  EXPECT_FALSE(target("/api/r/lobby/messages").has_value()) << "that channel is another topic's";
}

TEST(RouterReservedTest, TheGatewaysOwnChannelsAreNobodysTopic) {
  auto config = std::make_shared<config::Config>();
  config->topics = {MakeTopic("any", "/{name}", "{name}")};
  const Router router(config);
  EXPECT_EQ(router.TopicOf("sluice:ctl:abc"), std::nullopt);
  EXPECT_EQ(router.TopicOf("news"), 0U);
}

}  // namespace
}  // namespace sluice::routing
