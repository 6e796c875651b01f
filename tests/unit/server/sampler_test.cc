#include "server/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/pubsub/memory_broker.h"
#include "support/fake_loop.h"

namespace sluice::server {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class SamplerTest : public ::testing::Test {
 protected:
  SamplerTest() {
    auto config = std::make_shared<config::Config>();
    config->topics.resize(1);
    config->topics[0].name = config->topics[0].channel = "news";
    config->upstreams.resize(1);
    config->upstreams[0].name = "app";
    view_.generation = std::make_shared<const Generation>(config, ledger_, nullptr);
    view_.ledger = &ledger_;
    ingest_ = std::make_unique<pubsub::Ingest>(
        loop_, view_.generation, [](pubsub::BrokerHandler& handler) {
          return std::make_unique<pubsub::MemoryBroker>(handler);
        });
    view_.ingest = ingest_.get();
    sampler_ = std::make_unique<Sampler>(loop_, view_, [this] { ++samples_; });
  }
  ~SamplerTest() override {
    sampler_.reset();
    ingest_.reset();
    loop_.Turn();
  }

  [[nodiscard]] nlohmann::json History() const {
    return nlohmann::json::parse(sampler_->RenderHistory());
  }

  testing::FakeLoop loop_;
  TopicLedger ledger_{1};
  GatewayView view_;
  std::unique_ptr<pubsub::Ingest> ingest_;
  std::unique_ptr<Sampler> sampler_;
  size_t samples_ = 0;
};

TEST_F(SamplerTest, SamplesOnceASecond) {
  EXPECT_THAT(History(), IsEmpty());
  for (int second = 0; second < 3; ++second) loop_.Advance(Sampler::kIntervalMs);
  EXPECT_EQ(samples_, 3U);
  EXPECT_THAT(History(), SizeIs(3));
}

TEST_F(SamplerTest, ForgetsWhatIsOlderThanFiveMinutes) {
  for (size_t i = 0; i < Sampler::kKept + 50; ++i) loop_.Advance(Sampler::kIntervalMs);
  EXPECT_THAT(History(), SizeIs(Sampler::kKept));
}

TEST_F(SamplerTest, KnowsTheHeadTimesOfTheLastMinute) {
  constexpr uint64_t kMs = 1'000'000;
  const auto app = view_.generation->upstreams()[0];
  const auto changed = std::make_shared<proxy::UpstreamState>(app->config());
  const auto longest = [this](const auto& upstream) {
    return Quantile(sampler_->HeadTimesOf(upstream), 1);
  };
  const auto stats = app->TakeStats();
  stats->head.Observe(400 * kMs);
  EXPECT_FALSE(longest(app)) << "not sampled yet";
  loop_.Advance(Sampler::kIntervalMs);
  EXPECT_EQ(longest(app), 0.5);
  EXPECT_FALSE(longest(changed)) << "of the same name, from a reload";
  for (size_t i = 1; i < Sampler::kHeadTimesKept; ++i) loop_.Advance(Sampler::kIntervalMs);
  EXPECT_EQ(longest(app), 0.5);
  stats->head.Observe(4 * kMs);
  loop_.Advance(Sampler::kIntervalMs);
  EXPECT_EQ(longest(app), 0.005) << "what was before is forgotten";
}

TEST_F(SamplerTest, CountsTheEventsOfTheLastSecond) {
  ingest_->inbox().Push(
      pubsub::PublishCommand{0, 1, view_.generation->topics()[0], "news", "", "", "hello"});
  loop_.Turn();
  loop_.Advance(Sampler::kIntervalMs);
  EXPECT_EQ(sampler_->totals().events, 1U);
  EXPECT_GT(sampler_->rates().topic_events.at("news"), 0);
  loop_.Advance(Sampler::kIntervalMs);
  EXPECT_EQ(sampler_->totals().events, 1U);
  EXPECT_EQ(sampler_->rates().topic_events.at("news"), 0);
}

}  // namespace
}  // namespace sluice::server
