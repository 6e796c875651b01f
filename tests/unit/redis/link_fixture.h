// A PubSubLink on fakes, and what it told its handler as lines of text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/redis/pubsub_link.h"
#include "support/fake_loop.h"
#include "support/fake_network.h"
#include "support/fake_redis.h"

namespace sluice::redis {

using Lines = std::vector<std::string>;

class LinkFixture : public ::testing::Test, public PubSubHandler {
 protected:
  // As a fresh process would: made, started, and served until it is up or has failed.
  void StartLink(Options options = {}) {
    link_ = std::make_unique<PubSubLink>(loop_, network_, std::move(options), *this);
    for (const std::string& channel : wanted_) link_->Subscribe(channel);
    link_->Start();
    redis_.Serve();
  }

  void StartUp(Options options = {}) {
    StartLink(std::move(options));
    ASSERT_TRUE(link_->up()) << link_->trouble();
    told_.clear();
    static_cast<void>(redis_.TakeCommands());
  }

  // Starts a link that fails, and returns why.
  std::string Trouble(Options options = {}) {
    StartLink(std::move(options));
    EXPECT_FALSE(link_->up());
    EXPECT_FALSE(told_.empty());
    EXPECT_EQ(told_.back(), "down");
    return link_->trouble();
  }

  // Publishes and returns a line for each call of the callback, also of those to come.
  std::shared_ptr<Lines> Publish(std::string_view channel, std::string_view payload) {
    auto lines = std::make_shared<Lines>();
    link_->Publish(channel, payload, [lines](Result<int64_t> receivers) {
      lines->push_back(receivers ? std::to_string(*receivers)
                                 : Name(receivers.error().code) + receivers.error().message);
    });
    return lines;
  }

  static std::string Name(Errc code) {
    switch (code) {
      case Errc::kUnavailable:
        return "unavailable: ";
      case Errc::kTimeout:
        return "timeout: ";
      case Errc::kLimit:
        return "limit: ";
      case Errc::kInvalid:
        return "invalid: ";
      default:
        return "other: ";
    }
  }

  Lines Told() { return std::exchange(told_, {}); }

  void OnLinkUp() override { told_.push_back("up"); }
  void OnLinkDown(std::string_view reason) override {
    told_.push_back("down");
    reasons_.emplace_back(reason);
  }
  void OnSubscribed(std::string_view channel) override {
    told_.push_back("subscribed " + std::string(channel));
  }
  void OnSubscribeFailed(std::string_view channel, std::string_view reason) override {
    told_.push_back("refused " + std::string(channel));
    reasons_.emplace_back(reason);
  }
  void OnMessage(std::string_view channel, std::string_view payload) override {
    told_.push_back(std::string(channel) + ": " + std::string(payload));
  }
  void OnOversized(std::string_view channel, uint64_t size) override {
    told_.push_back("oversized " + std::string(channel) + " " + std::to_string(size));
  }

  testing::FakeLoop loop_;
  testing::FakeNetwork network_{loop_};
  testing::FakeRedis redis_{loop_, network_};
  Lines wanted_;   // subscribed before Start
  Lines told_;     // what the handler was told
  Lines reasons_;  // of OnLinkDown and OnSubscribeFailed
  std::unique_ptr<PubSubLink> link_;
};

}  // namespace sluice::redis
