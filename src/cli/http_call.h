// One HTTP/1.1 request and its answer, on a connection of its own. Loop-thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/http_url.h"
#include "sluice/base/result.h"
#include "sluice/http/response_parser.h"
#include "sluice/net/network.h"

namespace sluice::cli {

struct HttpRequest {
  std::string method = "GET";
  HttpUrl url;
  std::vector<std::pair<std::string, std::string>> headers;  // without Host and Content-Length
  std::string body;
};

// Fails, without quoting it, for a token that no header field can carry.
[[nodiscard]] Result<> CheckToken(std::string_view token);
// The field that carries it (RFC 6750 2.1). REQUIRES: CheckToken succeeds.
[[nodiscard]] std::pair<std::string, std::string> BearerHeader(std::string_view token);

// After OnEnd or OnFailed, or once the call was cancelled, nothing more comes.
class HttpCallHandler {
 public:
  virtual ~HttpCallHandler() = default;
  virtual void OnHead(const http::ResponseHead& head) = 0;
  virtual void OnBody(std::string_view bytes) = 0;
  virtual void OnEnd() = 0;
  virtual void OnFailed(const Error& error) = 0;
};

// Callbacks may Cancel the call, but not destroy it.
class HttpCall final : private net::StreamHandler, private http::BodySink {
 public:
  // Connects within `connect_timeout_ms`. How long the answer may take is for the owner to say.
  HttpCall(net::Network& network, const HttpRequest& request, uint64_t connect_timeout_ms,
           HttpCallHandler& handler);
  ~HttpCall() override;
  HttpCall(const HttpCall&) = delete;
  HttpCall& operator=(const HttpCall&) = delete;

  // No callback comes any more.
  void Cancel() { handler_ = nullptr; }

 private:
  void OnConnected(Result<std::unique_ptr<net::Stream>> result);
  void OnData(std::string_view bytes) override;
  void OnEnd() override;
  void OnWritable() override;
  void OnClosed(int error) override;
  void OnBodyBytes(std::string_view bytes) override;
  void Write();
  void Finish();
  void GiveUp(const Error& error);

  HttpCallHandler* handler_;  // null once nothing more may be told
  http::ResponseLimits limits_;
  http::ResponseParser parser_;
  std::string place_;  // for messages
  std::string out_;
  size_t written_ = 0;
  std::unique_ptr<net::Connecting> connecting_;
  std::unique_ptr<net::Stream> stream_;
};

}  // namespace sluice::cli
