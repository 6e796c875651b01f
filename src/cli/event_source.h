// An EventSource (WHATWG HTML 9.2): subscribes to an event stream, and comes back with
// Last-Event-ID after each end of it until the server says stop. Loop-thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "cli/http_call.h"
#include "cli/http_url.h"
#include "sluice/base/result.h"
#include "sluice/event/loop.h"
#include "sluice/net/network.h"
#include "sluice/sse/parser.h"

namespace sluice::cli {

// Callbacks may Close the source, but not destroy it.
class EventSourceHandler {
 public:
  virtual ~EventSourceHandler() = default;
  virtual void OnEvent(const sse::ReceivedEvent& event) = 0;
  // The stream ended or could not be reached; the next attempt is `delay_ms` away.
  virtual void OnReconnect(std::string_view why, uint64_t delay_ms) = 0;
  // It is over: by 204, which is in order, or by an answer that no retry would mend.
  virtual void OnStopped(const Result<>& why) = 0;
};

struct EventSourceOptions {
  HttpUrl url;
  std::string token;  // sent as Authorization: Bearer, to this server only; empty: none
  std::string last_event_id;
};

class EventSource final : private HttpCallHandler, private sse::ParserHandler {
 public:
  // REQUIRES: CheckToken(options.token) succeeds. Connects in a later turn.
  EventSource(event::Loop& loop, net::Network& network, EventSourceOptions options,
              EventSourceHandler& handler);
  ~EventSource() override;

  // No callback comes any more.
  void Close();

 private:
  enum class State : uint8_t { kConnecting, kOpen, kRefused, kClosed };

  void Connect();
  void OnHead(const http::ResponseHead& head) override;
  void OnBody(std::string_view bytes) override;
  void OnEnd() override;
  void OnFailed(const Error& error) override;
  void OnEvent(const sse::ReceivedEvent& event) override { handler_.OnEvent(event); }
  void OnRetry(uint32_t retry_ms) override;
  void OnComment(std::string_view) override {}

  void Follow(const http::ResponseHead& head);
  void Refuse(std::string_view why);
  void Reconnect(std::string_view why);
  void Stop(const Result<>& why);

  net::Network& network_;
  EventSourceOptions options_;
  EventSourceHandler& handler_;
  sse::Parser parser_;
  HttpUrl url_;                         // after redirects
  std::unique_ptr<event::Timer> next_;  // the next attempt, or the end of waiting for an error body
  std::unique_ptr<HttpCall> call_;
  uint64_t retry_ms_;
  uint32_t redirects_ = 0;
  State state_ = State::kConnecting;
  int status_ = 0;  // of a refusal
  std::string reason_;
  std::string refusal_;  // its body
};

}  // namespace sluice::cli
