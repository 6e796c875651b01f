// Who asks an upstream, and writes down what it is told as lines of text.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/proxy/call.h"

namespace sluice::proxy {

using Lines = std::vector<std::string>;

// A handler that writes down what comes, and owns its call.
class Caller : public CallHandler {
 public:
  void OnInterim(const http::ResponseHead& head) override {
    Tell("interim " + std::to_string(head.status()));
  }
  void OnHead(const http::ResponseHead& head) override {
    Tell("head " + std::to_string(head.status()));
  }
  void OnBody(std::string_view bytes) override {
    body += bytes;
    Tell("body " + std::string(bytes));
  }
  void OnPause() override {
    if (at_pause) at_pause();
  }
  void OnEnd(std::string_view trailers) override {
    Tell(trailers.empty() ? "end" : "end " + std::string(trailers));
  }
  void OnUpgraded(const http::ResponseHead& head, std::unique_ptr<net::Stream> taken,
                  std::string bytes) override {
    stream = std::move(taken);
    Tell("upgraded " + std::to_string(head.status()) + " " + bytes);
  }
  void OnFailed(const CallFailure& failure) override {
    detail = failure.detail;
    status = failure.status();
    Tell("failed " + std::string(ToName(failure.kind)));
  }
  void OnSendable() override { Tell("sendable"); }

  // Called for each line, before it is written down.
  std::function<void(std::string_view line)> react;
  std::function<void()> at_pause;
  // Destroys the call in the callback whose line begins so.
  std::string abort_at;

  std::unique_ptr<Call> call;
  Lines lines;
  std::string body;
  std::string detail;
  int status = 0;
  std::unique_ptr<net::Stream> stream;

 private:
  void Tell(std::string line) {
    lines.push_back(line);
    if (!abort_at.empty() && line.starts_with(abort_at)) call.reset();
    if (react) react(line);
  }
};

}  // namespace sluice::proxy
