#include "server/demo_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

config::Topic MakeTopic(const std::string& name, const std::string& path) {
  config::Topic topic;
  topic.name = topic.channel = name;
  topic.path = path;
  return topic;
}

TEST(DemoPageTest, ShowsTopicsThatHaveOnePathAndAreOpen) {
  config::Config config;
  config.topics = {MakeTopic("news", "/events/news"), MakeTopic("room", "/rooms/{id}"),
                   MakeTopic("staff", "/events/staff"), MakeTopic("load", "/events/load")};
  config.topics[2].auth = "members";
  config.topics[3].source = config::Source::kMetrics;
  const std::string page = DemoPage(config);
  EXPECT_THAT(page, HasSubstr("\"/events/news\""));
  for (const char* hidden : {"/rooms/", "/events/staff", "/events/load"}) {
    EXPECT_THAT(page, Not(HasSubstr(hidden)));
  }
}

TEST(DemoPageTest, PublishesWhereEveryoneMay) {
  config::Config config;
  config.topics = {MakeTopic("news", "/events/news"), MakeTopic("chat", "/events/chat")};
  config.publish.resize(3);
  config.publish[0].path = "/secret/{topic}";
  config.publish[0].auth = "partners";
  config.publish[1].path = "/say";
  config.publish[1].topic = "chat";
  config.publish[2].path = "/publish/{topic}";
  const std::string page = DemoPage(config);
  EXPECT_THAT(page, HasSubstr(R"("publish":"/publish/news")"));
  EXPECT_THAT(page, HasSubstr(R"("publish":"/say")"));
  EXPECT_THAT(page, Not(HasSubstr("/secret/")));
}

TEST(DemoPageTest, PublishesNowhereIfNobodyMay) {
  config::Config config;
  config.topics = {MakeTopic("news", "/events/news")};
  EXPECT_THAT(DemoPage(config), HasSubstr(R"("publish":"")"));
}

}  // namespace
}  // namespace sluice::server
