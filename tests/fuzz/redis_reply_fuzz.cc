// A PubSubLink against a server that says anything at any time. The input is a script of one-byte
// steps; some are followed by a length and raw bytes for one of the connections.
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/base/log.h"
#include "sluice/redis/pubsub_link.h"
#include "support/fake_loop.h"
#include "support/fake_network.h"
#include "support/fake_redis.h"

namespace sluice::redis {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

// Checks what every sequence of callbacks must keep to.
struct Checker : PubSubHandler {
  PubSubLink* link = nullptr;
  size_t published = 0;
  size_t answered = 0;

  void OnLinkUp() override { Require(link->up() && link->trouble().empty()); }
  void OnLinkDown(std::string_view reason) override {
    Require(!link->up() && !reason.empty() && reason == link->trouble());
  }
  void OnSubscribed(std::string_view channel) override { Require(channel.size() == 1); }
  void OnSubscribeFailed(std::string_view channel, std::string_view reason) override {
    Require(channel.size() == 1 && !reason.empty());
  }
  void OnMessage(std::string_view channel, std::string_view payload) override {
    Require(channel.size() == 1 && payload.size() <= 1'000);
    if (payload == "leave") link->Unsubscribe(channel);
  }
  void OnOversized(std::string_view channel, uint64_t size) override {
    Require(channel.size() == 1 && size > 1'000);
  }
};

class Script {
 public:
  explicit Script(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] bool done() const { return bytes_.empty(); }
  uint8_t Byte() {
    if (done()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte;
  }
  std::string_view Bytes() {
    const size_t size = std::min<size_t>(Byte(), bytes_.size());
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  std::string Channel() { return std::string(1, static_cast<char>('a' + Byte() % 4)); }

 private:
  std::string_view bytes_;
};

void Step(Script& script, testing::FakeLoop& loop, testing::FakeRedis& redis, PubSubLink& link,
          Checker& checker) {
  switch (script.Byte() % 12) {
    case 0:
    case 1: {
      const std::string_view bytes = script.Bytes();
      if (redis.connections() > 0) redis.peer(0).Deliver(bytes);
      break;
    }
    case 2: {
      const std::string_view bytes = script.Bytes();
      if (redis.connections() > 1) redis.peer(1).Deliver(bytes);
      break;
    }
    case 3:
      redis.Serve();
      break;
    case 4:
      redis.ServeFor(script.Byte() * 10U);
      break;
    case 5:
      link.Subscribe(script.Channel());
      break;
    case 6:
      link.Unsubscribe(script.Channel());
      break;
    case 7: {
      ++checker.published;
      const std::string channel = script.Channel();
      link.Publish(channel, script.Bytes(),
                   [&checker](const Result<int64_t>&) { ++checker.answered; });
      break;
    }
    case 8: {
      const std::string channel = script.Channel();
      redis.Publish(channel, script.Bytes());
      break;
    }
    case 9:
      redis.Freeze(script.Byte() % 2 == 0);
      break;
    case 10: {
      const std::string answer(script.Bytes());
      const bool on = !answer.empty();
      redis.SetAnswer([on, answer](const auto&) {
        return on ? std::optional<std::string>(answer) : std::nullopt;
      });
      break;
    }
    default:
      redis.Tear(script.Byte() % 5);
      if (script.Byte() % 4 == 0) redis.KillAll(ECONNRESET);
      loop.Turn();
      break;
  }
}

}  // namespace
}  // namespace sluice::redis

extern "C" int LLVMFuzzerInitialize(int* /*count*/, char*** /*words*/) {
  sluice::LogOptions options;
  options.level = sluice::LogLevel::kOff;
  return sluice::StartLog(options) ? 0 : 1;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  testing::FakeLoop loop;
  testing::FakeNetwork network(loop);
  testing::FakeRedis server(loop, network);
  redis::Checker checker;
  redis::Options options;
  options.max_message_bytes = 1'000;
  options.max_reply_bytes = 100'000;
  options.max_pending_bytes = 2'000;
  options.probe_interval_ms = 100;
  options.connect_timeout_ms = 500;
  options.backoff_max_ms = 200;
  auto link = std::make_unique<redis::PubSubLink>(loop, network, options, checker);
  checker.link = link.get();
  link->Start();
  redis::Script script(std::string_view(reinterpret_cast<const char*>(data), size));
  for (int steps = 0; steps < 200 && !script.done(); ++steps) {
    redis::Step(script, loop, server, *link, checker);
  }
  // However bad it was, a good server brings it up again.
  server.SetAnswer(nullptr);
  server.Freeze(false);
  server.Tear(0);
  server.CloseAll();
  server.ServeFor(300);
  redis::Require(link->up() && checker.answered == checker.published);
  link.reset();
  loop.Turn();
  redis::Require(loop.live_handles() == 0);
  return 0;
}
