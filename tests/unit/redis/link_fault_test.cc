// PubSubLink: what goes wrong while connecting and afterwards, and how it comes back.
#include <cerrno>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "link_fixture.h"

namespace sluice::redis {
namespace {

using Answer = std::optional<std::string>;

class LinkFaultTest : public LinkFixture {
 protected:
  void AnswerTo(std::string name, std::string answer) {
    redis_.SetAnswer(
        [name = std::move(name), answer = std::move(answer)](const auto& command) -> Answer {
          if (command[0] == name) return answer;
          return std::nullopt;
        });
  }
};

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_F(LinkFaultTest, SaysThatTheConnectionWasRefusedAndComesUpLater) {
  redis_.RefuseConnects(
      Error{Errc::kSystem, "cannot connect to 127.0.0.1:6379: Connection refused"});
  EXPECT_EQ(Trouble(),
            "cannot connect to 127.0.0.1:6379: Connection refused "
            "(check that Redis runs and that redis.url is right)");
  EXPECT_EQ(link_->stats().failures, 1U);
  redis_.RefuseConnects(std::nullopt);
  redis_.ServeFor(200);
  EXPECT_TRUE(link_->up());
  EXPECT_EQ(link_->stats().reconnects, 0U);  // it was not up before
}

TEST_F(LinkFaultTest, GivesUpAConnectThatIsNotAnswered) {
  redis_.IgnoreConnects(true);
  StartLink();
  redis_.ServeFor(2'000);
  EXPECT_EQ(Told().at(0), "down");
  EXPECT_TRUE(Contains(link_->trouble(), "connect timed out"));
  EXPECT_EQ(network_.connect_timeout_ms(0), 2'000U);
}

TEST_F(LinkFaultTest, GivesUpALoginThatIsNotAnswered) {
  redis_.Freeze(true);
  StartLink();
  redis_.ServeFor(1'990);
  EXPECT_EQ(Told(), Lines{});
  redis_.ServeFor(20);
  EXPECT_EQ(Told(), Lines{"down"});
  EXPECT_TRUE(Contains(link_->trouble(), "no answer to the login in time"));
}

TEST_F(LinkFaultTest, GivesUpSubscriptionsThatAreNotAnswered) {
  AnswerTo("SUBSCRIBE", "");
  StartLink();
  redis_.ServeFor(1'990);
  EXPECT_EQ(Told(), Lines{});
  redis_.ServeFor(20);
  EXPECT_EQ(Told(), Lines{"down"});
  EXPECT_TRUE(Contains(link_->trouble(), "no answer to SUBSCRIBE in time"));
}

TEST_F(LinkFaultTest, WaitsForSubscriptionsAsLongAsAnswersComeIn) {
  redis_.Freeze(true);
  wanted_ = {"a", "b"};
  StartLink();
  for (const size_t client : {0U, 1U}) redis_.peer(client).Deliver("+OK\r\n");
  loop_.Advance(1'500);
  const std::string commands = redis_.peer(0).TakeWritten();
  const bool a_first = commands.find("$1\r\na") < commands.find("$1\r\nb");
  const auto ack = [&](bool a) {
    redis_.peer(0).Deliver("*3\r\n$9\r\nsubscribe\r\n$1\r\n" + std::string(a ? "a" : "b") +
                           "\r\n:1\r\n");
  };
  ack(a_first);
  loop_.Advance(1'500);
  ack(!a_first);
  loop_.Advance(1'900);
  EXPECT_EQ(told_.size(), 2U);
  EXPECT_TRUE(told_[0].starts_with("subscribed "));
  loop_.Advance(2'000);
  EXPECT_EQ(told_.size(), 3U);
  EXPECT_EQ(told_.back(), "down");
}

TEST_F(LinkFaultTest, SaysThatRedisIsLoading) {
  AnswerTo("CLIENT", "-LOADING Redis is loading the dataset in memory\r\n");
  EXPECT_TRUE(Contains(Trouble(), "LOADING"));
  redis_.SetAnswer(nullptr);
  redis_.ServeFor(200);
  EXPECT_TRUE(link_->up());
}

TEST_F(LinkFaultTest, SaysThatAPasswordIsNeeded) {
  redis_.SetAnswer([](const auto&) -> Answer { return "-NOAUTH Authentication required.\r\n"; });
  const std::string trouble = Trouble();
  EXPECT_TRUE(Contains(trouble, "NOAUTH"));
  EXPECT_TRUE(Contains(trouble, "give the password in redis.url"));
}

TEST_F(LinkFaultTest, TakesNoAuthOnSubscribeForAFaultOfTheLink) {
  wanted_ = {"news"};
  AnswerTo("SUBSCRIBE", "-NOAUTH Authentication required.\r\n");
  EXPECT_TRUE(Contains(Trouble(), "NOAUTH"));
  EXPECT_EQ(Told(), Lines{"down"});
}

TEST_F(LinkFaultTest, SaysThatThePasswordIsWrongAndNeverWhatItIs) {
  Options options;
  options.user = "gateway";
  options.password = "s3cret-word";
  for (const char* error :
       {"-WRONGPASS invalid username-password pair: s3cret-word\r\n",
        "-ERR unknown command `AUTH`, with args beginning with: `s3cret-word`\r\n",
        "-NOPERM s3cret-word\r\n", "-s3cret-word\r\n"}) {
    AnswerTo("AUTH", error);
    ::testing::internal::CaptureStderr();
    const std::string trouble = Trouble(options);
    const std::string log = ::testing::internal::GetCapturedStderr();
    EXPECT_TRUE(Contains(trouble, "AUTH")) << trouble;
    EXPECT_FALSE(Contains(trouble, "s3cret")) << trouble;
    EXPECT_TRUE(Contains(log, "Redis link down")) << log;
    EXPECT_FALSE(Contains(log, "s3cret")) << log;
  }
}

TEST_F(LinkFaultTest, SaysThatTheDatabaseIsNotThere) {
  Options options;
  options.database = 99;
  AnswerTo("SELECT", "-ERR DB index is out of range\r\n");
  EXPECT_EQ(Trouble(options), "127.0.0.1:6379: SELECT 99: ERR DB index is out of range");
}

TEST_F(LinkFaultTest, SaysThatTheControlChannelIsForbidden) {
  AnswerTo("SUBSCRIBE", "-NOPERM no permissions to access one of the channels\r\n");
  EXPECT_TRUE(Contains(Trouble(), "&sluice:ctl:*"));
}

TEST_F(LinkFaultTest, SaysThatPublishingTheProbeIsForbidden) {
  AnswerTo("PUBLISH", "-NOPERM this user has no permissions to run the 'publish' command\r\n");
  EXPECT_TRUE(Contains(Trouble(), "+publish"));
}

TEST_F(LinkFaultTest, PassesOnWhatRedisSaysBeforeItCloses) {
  redis_.Freeze(true);
  StartLink();
  redis_.peer(0).Deliver("-ERR max number of clients reached\r\n");
  EXPECT_TRUE(Contains(link_->trouble(), "raise maxclients"));
  redis_.Serve();
  loop_.Advance(100);
  redis_.Serve();
  redis_.peer(0).Deliver("-DENIED Redis is running in protected mode because...\r\n");
  EXPECT_TRUE(Contains(link_->trouble(), "protected mode"));
}

TEST_F(LinkFaultTest, SaysThatTheOtherSideIsNotRedis) {
  redis_.SetAnswer([](const auto&) -> Answer { return "HTTP/1.1 400 Bad Request\r\n\r\n"; });
  EXPECT_TRUE(Contains(Trouble(), "check that redis.url names a Redis server"));
}

TEST_F(LinkFaultTest, SaysThatRedisIsAReplicaWithoutItsMaster) {
  AnswerTo("PUBLISH", "-MASTERDOWN Link with MASTER is down\r\n");
  EXPECT_TRUE(Contains(Trouble(), "MASTERDOWN"));
}

TEST_F(LinkFaultTest, DropsTheLinkWhenAReplyIsTooLarge) {
  Options options;
  options.max_message_bytes = 100;
  options.max_reply_bytes = 1'000'000;
  wanted_ = {"news"};
  StartUp(options);
  redis_.SendToSubscribers("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1000001\r\n");
  EXPECT_EQ(Told(), Lines{"down"});
  EXPECT_TRUE(Contains(link_->trouble(), "reply of more than 1000000 bytes"));
  redis_.ServeFor(200);
  EXPECT_EQ(Told(), (Lines{"subscribed news", "up"}));
}

TEST_F(LinkFaultTest, TheLimitOnRepliesLeavesRoomForTheLargestMessage) {
  Options options;
  options.max_message_bytes = 500'000;
  options.max_reply_bytes = 1'000;
  wanted_ = {"news"};
  StartUp(options);
  redis_.Publish("news", std::string(500'000, 'x'));
  EXPECT_EQ(Told(), Lines{"news: " + std::string(500'000, 'x')});
}

TEST_F(LinkFaultTest, ResubscribesEverythingAfterALoss) {
  wanted_ = {"a", "b"};
  StartUp();
  link_->Subscribe("c");
  redis_.Serve();
  link_->Unsubscribe("b");
  redis_.KillAll(ECONNRESET);
  EXPECT_EQ(Told(), (Lines{"subscribed c", "down"}));
  EXPECT_FALSE(link_->stats().up);
  EXPECT_TRUE(Contains(link_->trouble(), "Connection reset"));
  link_->Subscribe("d");
  link_->Unsubscribe("a");
  redis_.ServeFor(200);
  EXPECT_TRUE(redis_.subscribed("c"));
  EXPECT_TRUE(redis_.subscribed("d"));
  EXPECT_FALSE(redis_.subscribed("a"));
  EXPECT_FALSE(redis_.subscribed("b"));
  EXPECT_EQ(Told().back(), "up");
  EXPECT_EQ(link_->stats().reconnects, 1U);
}

TEST_F(LinkFaultTest, ALossOfEitherConnectionDropsBoth) {
  StartUp();
  redis_.peer(1).Kill(ECONNRESET);
  redis_.Serve();
  EXPECT_EQ(redis_.connections(), 0U);
  redis_.ServeFor(200);
  EXPECT_TRUE(link_->up());
  redis_.peer(0).DeliverEnd();
  EXPECT_TRUE(Contains(link_->trouble(), "Redis closed the connection"));
  redis_.Serve();
  EXPECT_EQ(redis_.connections(), 0U);
}

TEST_F(LinkFaultTest, ALossWhileResubscribingVoidsWhatWasAcknowledged) {
  AnswerTo("PUBLISH", ":0\r\n");
  wanted_ = {"news"};
  StartLink();
  EXPECT_EQ(Told(), Lines{"subscribed news"});
  redis_.CloseAll();
  EXPECT_EQ(Told(), Lines{"down"});
}

TEST_F(LinkFaultTest, AFailedWriteDropsTheLinkButNotFromInsideTheCall) {
  StartUp();
  redis_.peer(0).FailWrites(EPIPE);
  link_->Subscribe("news");
  loop_.Turn();
  EXPECT_EQ(Told(), Lines{});
  loop_.Advance(100);
  EXPECT_EQ(Told(), Lines{"down"});
  EXPECT_TRUE(Contains(link_->trouble(), "Broken pipe"));
}

TEST_F(LinkFaultTest, AFailedWriteGivesWayToWhatRedisSaid) {
  redis_.IgnoreConnects(true);
  StartLink();
  const auto peer = network_.CompleteConnect();
  peer->FailWrites(EPIPE);
  loop_.Turn();
  peer->Deliver("-DENIED Redis is running in protected mode because...\r\n");
  EXPECT_EQ(Told(), Lines{"down"});
  EXPECT_TRUE(Contains(link_->trouble(), "protected mode"));
}

TEST_F(LinkFaultTest, RetriesWithGrowingPausesWithinTheJitter) {
  redis_.RefuseConnects(Error{Errc::kSystem, "refused"});
  Options options;
  options.backoff_max_ms = 1'000;
  StartLink(options);
  for (const uint64_t whole : {100U, 200U, 400U, 800U, 1'000U, 1'000U, 1'000U}) {
    const size_t before = network_.connects();
    uint64_t waited = 0;
    while (network_.connects() == before) {
      loop_.Advance(1);
      ASSERT_LE(++waited, whole);
    }
    EXPECT_GE(waited, whole / 2);
    redis_.Serve();
  }
}

TEST_F(LinkFaultTest, RetriesAtOnceAfterALongLivedLinkOnly) {
  StartUp();
  redis_.ServeFor(10'000);
  redis_.KillAll(ECONNRESET);
  redis_.Serve();
  EXPECT_TRUE(link_->up());
  redis_.KillAll(ECONNRESET);
  redis_.Serve();
  EXPECT_FALSE(link_->up());
  redis_.ServeFor(100);
  EXPECT_TRUE(link_->up());
}

TEST_F(LinkFaultTest, LogsEachCauseOnceUntilTheLinkIsUp) {
  const auto count = [](const std::string& log, std::string_view part) {
    size_t found = 0;
    for (size_t at = log.find(part); at != std::string::npos; at = log.find(part, at + 1)) ++found;
    return found;
  };
  ::testing::internal::CaptureStderr();
  redis_.RefuseConnects(Error{Errc::kSystem, "cannot connect: Connection refused"});
  StartLink();
  redis_.ServeFor(30'000);
  EXPECT_GT(network_.connects(), 10U);
  redis_.RefuseConnects(std::nullopt);
  AnswerTo("CLIENT", "-LOADING Redis is loading\r\n");
  redis_.ServeFor(30'000);
  redis_.SetAnswer(nullptr);
  redis_.ServeFor(10'000);
  EXPECT_TRUE(link_->up());
  redis_.RefuseConnects(Error{Errc::kSystem, "cannot connect: Connection refused"});
  redis_.KillAll(ECONNRESET);
  redis_.ServeFor(30'000);
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(count(log, "Connection refused"), 2U) << log;
  EXPECT_EQ(count(log, "LOADING"), 1U) << log;
  EXPECT_EQ(count(log, "Connection reset"), 1U) << log;
  EXPECT_EQ(count(log, "Redis link up"), 1U) << log;
}

TEST_F(LinkFaultTest, LeavesNothingBehindWhenDestroyed) {
  for (int stage = 0; stage < 4; ++stage) {
    redis_.Freeze(stage == 1);
    redis_.IgnoreConnects(stage == 0);
    StartLink();
    if (stage == 3) redis_.KillAll(ECONNRESET);
    if (stage > 1) told_.clear();
    auto answer = Publish("news", "x");
    const size_t answered = answer->size();
    link_.reset();
    redis_.ServeFor(10'000);
    EXPECT_EQ(answer->size(), answered);
    EXPECT_EQ(loop_.live_handles(), 0U) << stage;
    EXPECT_EQ(Told(), Lines{}) << stage;
  }
}

}  // namespace
}  // namespace sluice::redis
