// One channel's messages, from an event stream of an upstream: opened once for all its subscribers,
// and again whenever it is lost, as an EventSource does (WHATWG HTML 9.2). Ingest thread only.
//
//   connecting --200--> open --lost--> waiting --time--> connecting     after the first 200
//   connecting --anything else--> refused: the channel is given up      before it
//   204: ended
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "sluice/base/log_throttle.h"
#include "sluice/event/loop.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/proxy/upstream.h"
#include "sluice/pubsub/broker.h"
#include "sluice/pubsub/catalog.h"
#include "sluice/sse/parser.h"

namespace sluice::server {

// What all sources share. Outlives them.
struct SourceEnvironment {
  event::Loop& loop;
  event::TimerWheel& timers;
  // Gives the upstream of that name for the next request; null: there is none any more.
  std::function<proxy::Upstream*(std::string_view name)> find_upstream;
  pubsub::BrokerHandler& handler;
  uint64_t event_limit;  // limits.message_bytes
  LogThrottle opened;
  LogThrottle lost;
};

class UpstreamSource final : public event::Deferred,
                             private proxy::CallHandler,
                             private sse::ParserHandler,
                             private event::TimerWheel::Handler {
 public:
  static constexpr uint32_t kRetryMs = 1'000;  // until the upstream says otherwise
  static constexpr uint32_t kLeastRetryMs = 100;
  static constexpr uint32_t kMostRetryMs = 30'000;  // unless the upstream asks for more

  // `target` is the request target.
  UpstreamSource(SourceEnvironment& environment, pubsub::TopicEntryPtr entry, std::string channel,
                 std::string target);
  ~UpstreamSource() override;
  UpstreamSource(const UpstreamSource&) = delete;
  UpstreamSource& operator=(const UpstreamSource&) = delete;

  void Connect();
  // The upstream is another one now.
  void Reconnect();
  // From now on it calls nobody. It may be called from inside its callbacks; destroy it in a later
  // turn.
  void Stop();

 private:
  enum class State : uint8_t { kConnecting, kOpen, kWaiting, kEnded, kStopped };

  // proxy::CallHandler
  void OnHead(const http::ResponseHead& head) override;
  void OnBody(std::string_view bytes) override;
  void OnEnd(std::string_view trailers) override;
  void OnUpgraded(const http::ResponseHead& head, std::unique_ptr<net::Stream> stream,
                  std::string bytes) override;
  void OnFailed(const proxy::CallFailure& failure) override;
  // sse::ParserHandler
  void OnEvent(const sse::ReceivedEvent& event) override;
  void OnRetry(uint32_t retry_ms) override { retry_ms_ = retry_ms; }
  void OnComment(std::string_view) override {}
  void OnOversized(uint64_t size) override;
  // event::TimerWheel::Handler
  void OnTimeout(event::TimerWheel::Node&) override { Connect(); }

  [[nodiscard]] std::string RequestHead(std::string_view last_event_id) const;
  void Open();
  void End();
  void Lose(std::string_view why);
  [[nodiscard]] uint64_t NextDelayMs();
  void SetState(State state);

  [[nodiscard]] const config::Topic& topic() const { return entry_->config; }
  [[nodiscard]] pubsub::SourceCounters& counters() const { return entry_->counters.source; }

  SourceEnvironment& environment_;
  const pubsub::TopicEntryPtr entry_;
  const std::string channel_;
  const std::string target_;
  sse::Parser parser_;
  std::unique_ptr<proxy::Call> call_;
  event::TimerWheel::Node timer_{*this};
  std::string previous_id_;  // of the last event
  uint32_t retry_ms_ = kRetryMs;
  uint32_t failures_ = 0;  // since the last time that it was open
  State state_ = State::kStopped;
  bool was_open_ = false;
  bool resumes_ = false;  // the present request asks to go on after an event
  bool odd_id_said_ = false;
};

}  // namespace sluice::server
