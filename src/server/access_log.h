// Makes the access log's line of a request: nginx's "combined" format, or a JSON object
// (docs/operations.md). Secrets of the request line and of the Referer are taken out, and nothing
// that a client sends can end or forge a line. Worker-thread only; each worker has its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/config/config.h"
#include "sluice/http/redact.h"
#include "sluice/server/exchange.h"

namespace sluice::server {

class AccessLog {
 public:
  // `redactor` outlives this.
  AccessLog(config::AccessFormat format, const http::Redactor& redactor)
      : format_(format), redactor_(redactor) {}

  // Gives the request's line to the access log, which never blocks.
  void Write(const RequestSummary& summary);

  // The line, without its end, of a request that was over at `unix_ms`. Valid until the next call.
  [[nodiscard]] std::string_view Format(const RequestSummary& summary, uint64_t unix_ms);

 private:
  void FormatCombined(const RequestSummary& summary);
  void FormatJson(const RequestSummary& summary, uint64_t unix_ms);
  void AppendUpstream(const UpstreamRecord* record);
  // Redacted. Valid until the next call.
  [[nodiscard]] std::string_view Redacted(std::string_view url);
  void SetSecond(uint64_t unix_seconds);

  config::AccessFormat format_;
  const http::Redactor& redactor_;
  std::string line_;  // these keep their memory from line to line
  std::string url_;
  std::string time_;  // of second_, as the format has it
  uint64_t second_ = 0;
};

}  // namespace sluice::server
