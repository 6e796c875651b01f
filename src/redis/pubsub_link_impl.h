// The inside of PubSubLink: when the two connections are made, proved and dropped.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "redis/backoff.h"
#include "redis/connection.h"
#include "redis/fault.h"
#include "redis/probe.h"
#include "redis/subscriptions.h"
#include "sluice/redis/pubsub_link.h"

namespace sluice::redis {

class PubSubLink::Impl final : public ConnectionHandler {
 public:
  Impl(event::Loop& loop, net::Network& network, Options options, PubSubHandler& handler);

  void Start();
  void Subscribe(std::string_view channel);
  void Unsubscribe(std::string_view channel);
  void Publish(std::string_view channel, std::string_view payload, PublishCallback done);

  [[nodiscard]] bool up() const { return state_ == State::kUp; }
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  [[nodiscard]] const LinkStats& stats() const { return stats_; }

 private:
  // Each state has its use of the timer.
  enum class State : uint8_t {
    kIdle,         // before Start
    kWaiting,      // for the next attempt
    kConnecting,   // none: the connections have timeouts of their own
    kSubscribing,  // something must go on coming
    kProving,      // beats; the first has not come back
    kUp,           // beats
  };

  void OnReady(Connection& connection) override;
  void OnReply(Connection& connection, const Reply& reply) override;
  void OnDrained(Connection& connection) override;
  void OnFault(Connection& connection, const Fault& fault) override;

  void OnTimer();
  void CheckAnswers();
  void Connect();
  void Pump();
  void TakeMessage(std::string_view channel, const Reply& payload);
  void TakeAnswer(bool subscribe, std::string_view channel);
  void TakeRefusal(std::string_view error);
  void TakeUnexpected(const Reply& reply);
  void TakeBeat(std::string_view payload);
  void SendBeat();
  void BecomeUp();
  // Drops both connections and plans the next attempt.
  void BecomeDown(const Fault& fault);
  void Drop(std::unique_ptr<Connection> connection);
  // True once for each text since the link was up.
  [[nodiscard]] bool FirstTime(const std::string& text);

  event::Loop& loop_;
  net::Network& network_;
  const Options options_;
  PubSubHandler& handler_;
  const std::string control_channel_;
  const std::unique_ptr<event::Timer> timer_;

  State state_ = State::kIdle;
  Subscriptions subscriptions_;
  Backoff backoff_;
  Probe probe_;
  std::unique_ptr<Connection> subscriber_;
  std::unique_ptr<Connection> commands_;
  uint32_t ready_ = 0;  // of the two connections
  uint64_t up_since_ms_ = 0;
  bool was_up_ = false;  // ever
  std::string trouble_ = "not started";
  std::vector<std::string> logged_;
  LinkStats stats_;
};

}  // namespace sluice::redis
