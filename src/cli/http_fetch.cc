#include "cli/http_fetch.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "cli/text.h"
#include "sluice/event/loop.h"
#include "sluice/uv/uv_loop.h"

namespace sluice::cli {
namespace {

constexpr size_t kMaxAnswer = size_t{64} * 1024;

class Exchange final : public HttpCallHandler {
 public:
  Exchange(event::Loop& loop, net::Network& network, const HttpRequest& request,
           uint64_t connect_timeout_ms)
      : loop_(loop), call_(network, request, connect_timeout_ms, *this) {}

  void Fail(const Error& error) {
    call_.Cancel();
    OnFailed(error);
  }
  [[nodiscard]] Result<HttpAnswer> Take() {
    if (failure_) return tl::unexpected(*std::move(failure_));
    return std::move(answer_);
  }

 private:
  void OnHead(const http::ResponseHead& head) override {
    answer_.status = head.status();
    answer_.reason = head.reason();
  }
  void OnBody(std::string_view bytes) override {
    std::string& body = answer_.body;
    body += bytes.substr(0, kMaxAnswer - std::min(body.size(), kMaxAnswer));
  }
  void OnEnd() override { loop_.Stop(); }
  void OnFailed(const Error& error) override {
    failure_ = error;
    loop_.Stop();
  }

  event::Loop& loop_;
  std::optional<Error> failure_;
  HttpAnswer answer_;
  HttpCall call_;
};

}  // namespace

Result<HttpAnswer> Fetch(const HttpRequest& request, const FetchLimits& limits) {
  const auto loop = uv::MakeLoop();
  const auto network = uv::MakeNetwork(*loop);
  Exchange exchange(*loop, *network, request, limits.connect_timeout_ms);
  const auto timeout = loop->MakeTimer([&] {
    exchange.Fail({.code = Errc::kTimeout,
                   .message = fmt::format("no answer within {}{}",
                                          Seconds(limits.answer_timeout_ms), limits.timeout_hint)});
  });
  timeout->Start(limits.answer_timeout_ms);
  loop->Run();
  return exchange.Take();
}

}  // namespace sluice::cli
