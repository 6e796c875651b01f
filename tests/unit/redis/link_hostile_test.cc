// PubSubLink against what only a broken or hostile server sends: each drops the link, nothing else.
#include <cerrno>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "link_fixture.h"

namespace sluice::redis {
namespace {

using LinkHostileTest = LinkFixture;

TEST_F(LinkHostileTest, WorksWithAnswersTornAtEveryByte) {
  redis_.Tear(1);
  wanted_ = {"news", "other"};
  StartLink();
  EXPECT_TRUE(link_->up());
  redis_.Publish("news", "a\r\nb");
  EXPECT_EQ(Told().back(), "news: a\r\nb");
  const auto answer = Publish("news", "x");
  redis_.ServeFor(5'000);
  EXPECT_EQ(*answer, Lines{"1"});
  EXPECT_TRUE(link_->up());
}

TEST_F(LinkHostileTest, DeliversTheSameTornAtEveryPairOfBytes) {
  wanted_ = {"news"};
  StartUp();
  const std::string bytes =
      testing::RedisMessage("news", "one\r\n") + testing::RedisMessage("news", "");
  for (size_t first = 0; first <= bytes.size(); ++first) {
    for (size_t second = first; second <= bytes.size(); ++second) {
      redis_.SendToSubscribers(std::string_view(bytes).substr(0, first));
      redis_.SendToSubscribers(std::string_view(bytes).substr(first, second - first));
      redis_.SendToSubscribers(std::string_view(bytes).substr(second));
      ASSERT_EQ(Told(), (Lines{"news: one\r\n", "news: "})) << first << ' ' << second;
    }
  }
}

TEST_F(LinkHostileTest, DropsALinkThatSendsWhatNobodyAskedFor) {
  for (const std::string_view bytes : {
           "+OK\r\n",
           ":1\r\n",
           "$-1\r\n",
           "*-1\r\n",
           "*0\r\n",
           "*2\r\n$7\r\nmessage\r\n$4\r\nnews\r\n",
           "*4\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\nx\r\n$1\r\ny\r\n",
           "*3\r\n:1\r\n$4\r\nnews\r\n$1\r\nx\r\n",
           "*3\r\n$7\r\nmessage\r\n:4\r\n$1\r\nx\r\n",
           "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n:1\r\n",
           "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$-1\r\n",
           "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n*0\r\n",
           "*3\r\n$8\r\npmessage\r\n$4\r\nnews\r\n$1\r\nx\r\n",
           "*3\r\n$0\r\n\r\n$0\r\n\r\n:0\r\n",
           "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n",
           "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n$1\r\n1\r\n",
           "*3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:0\r\n",
           "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n",
           "-ERR out of the blue\r\n",
           "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
           "$-5\r\n",
           "*-5\r\n",
           "*3\r\n$-7\r\n",
           "\r\n",
           "garbage\r\n",
       }) {
    wanted_ = {"news"};
    StartUp();
    redis_.SendToSubscribers(bytes);
    EXPECT_EQ(Told(), Lines{"down"}) << bytes;
    EXPECT_FALSE(link_->trouble().empty());
    redis_.ServeFor(200);
    EXPECT_EQ(Told(), (Lines{"subscribed news", "up"})) << bytes;
  }
}

TEST_F(LinkHostileTest, DropsALinkWhoseCommandConnectionSendsWhatNobodyAskedFor) {
  StartUp();
  redis_.peer(1).Deliver(":1\r\n");
  EXPECT_EQ(Told(), Lines{"down"});
}

TEST_F(LinkHostileTest, IgnoresMessagesOfChannelsThatNobodyWants) {
  StartUp();
  redis_.SendToSubscribers(testing::RedisMessage("never-wanted", "x"));
  redis_.SendToSubscribers(testing::RedisMessage("", ""));
  EXPECT_EQ(Told(), Lines{});
  EXPECT_TRUE(link_->up());
}

TEST_F(LinkHostileTest, HandsOverNothingThatFollowsTheFault) {
  wanted_ = {"news"};
  StartUp();
  redis_.SendToSubscribers(testing::RedisMessage("news", "1") + "+OK\r\n" +
                           testing::RedisMessage("news", "2"));
  EXPECT_EQ(Told(), (Lines{"news: 1", "down"}));
}

TEST_F(LinkHostileTest, SurvivesAnAcknowledgementOfAnotherChannel) {
  StartUp();
  redis_.Freeze(true);
  link_->Subscribe("news");
  redis_.SendToSubscribers("*3\r\n$9\r\nsubscribe\r\n$4\r\nnewt\r\n:2\r\n");
  EXPECT_EQ(Told(), Lines{"down"});
  EXPECT_NE(link_->trouble().find("an answer to a command that was not sent"), std::string::npos);
}

TEST_F(LinkHostileTest, EscapesWhatItQuotesInTheLog) {
  StartUp();
  ::testing::internal::CaptureStderr();
  redis_.SendToSubscribers("-ERR \x1b[31mred\r\n");
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("red"), std::string::npos);
  EXPECT_EQ(log.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace sluice::redis
