#include "server/request_warnings.h"

#include <string>

#include "sluice/base/log.h"
#include "sluice/base/utf8.h"

namespace sluice::server {
namespace {

constexpr size_t kMaxTargetBytes = 256;

}  // namespace

void RequestWarnings::Warn(Kind kind, const Exchange& exchange, int status, std::string_view route,
                           std::string_view why, std::string_view advice) {
  if (!LogEnabled(LogLevel::kWarn)) return;
  const auto left_out = throttles_[static_cast<size_t>(kind)].Admit(loop_.NowMs());
  if (!left_out) return;
  std::string target;
  redactor_.Append(target, exchange.request().target());
  LogWarn("request refused id={} client={} route={} status={} request=\"{} {}\": {}; {}{}",
          exchange.connection_id(), exchange.peer().ToString(), route, status,
          exchange.request().method_text(), CutUtf8(target, kMaxTargetBytes), why, advice,
          LeftOut(*left_out));
}

}  // namespace sluice::server
