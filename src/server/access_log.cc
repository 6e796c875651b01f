#include "server/access_log.h"

#include <ctime>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "sluice/base/clock.h"
#include "sluice/base/json_string.h"
#include "sluice/base/log.h"
#include "sluice/server/http_stats.h"

namespace sluice::server {
namespace {

constexpr std::string_view kAbsent = "-";

// As nginx escapes variables in a log: whatever is not printable ASCII, '"' and '\'. `also_space`
// is for a value without quotes around it.
void AppendEscaped(std::string& out, std::string_view value, bool also_space = false) {
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\' || (also_space && c == ' ')) {
      fmt::format_to(std::back_inserter(out), "\\x{:02X}", byte);
    } else {
      out += c;
    }
  }
}

// What is empty is absent.
void AppendOptional(std::string& out, std::string_view value, bool also_space = false) {
  AppendEscaped(out, value.empty() ? kAbsent : value, also_space);
}

void AppendMember(std::string& out, std::string_view name, std::string_view value) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":", name);
  if (value.empty()) {
    out += "null";
  } else {
    AppendJsonString(out, value);
  }
}

void AppendSeconds(std::string& out, std::string_view name, uint64_t ns) {
  if (ns == 0) {
    fmt::format_to(std::back_inserter(out), ",\"{}\":null", name);
  } else {
    fmt::format_to(std::back_inserter(out), ",\"{}\":{:.6f}", name, static_cast<double>(ns) / 1e9);
  }
}

std::string_view HeaderOf(const http::Request* request, std::string_view name) {
  return request != nullptr ? request->Header(name).value_or(std::string_view())
                            : std::string_view();
}

std::string_view ProtocolOf(const http::Request& request) {
  return request.minor_version() == 0 ? "HTTP/1.0" : "HTTP/1.1";
}

}  // namespace

void AccessLog::Write(const RequestSummary& summary) {
  LogAccess(Format(summary, WallMs()));
}

std::string_view AccessLog::Format(const RequestSummary& summary, uint64_t unix_ms) {
  line_.clear();
  SetSecond(unix_ms / 1000);
  if (format_ == config::AccessFormat::kCombined) {
    FormatCombined(summary);
  } else {
    FormatJson(summary, unix_ms);
  }
  return line_;
}

// $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer"
// "$http_user_agent"
void AccessLog::FormatCombined(const RequestSummary& summary) {
  line_ += summary.peer != nullptr ? summary.peer->Host() : std::string(kAbsent);
  line_ += " - ";
  AppendOptional(line_, summary.subject, true);
  fmt::format_to(std::back_inserter(line_), " [{}] \"", time_);
  const http::Request* request = summary.request;
  if (request != nullptr) {
    AppendEscaped(line_, request->method_text());
    line_ += ' ';
    AppendEscaped(line_, Redacted(request->target()));
    line_ += ' ';
    line_ += ProtocolOf(*request);
  } else {
    line_ += kAbsent;
  }
  fmt::format_to(std::back_inserter(line_), "\" {} {} \"", summary.status, summary.body_bytes_sent);
  AppendOptional(line_, Redacted(HeaderOf(request, "Referer")));
  line_ += "\" \"";
  AppendOptional(line_, HeaderOf(request, "User-Agent"));
  line_ += '"';
}

void AccessLog::FormatJson(const RequestSummary& summary, uint64_t unix_ms) {
  fmt::format_to(std::back_inserter(line_), "{{\"time\":\"{}.{:03}Z\"", time_, unix_ms % 1000);
  AppendMember(line_, "client", summary.peer != nullptr ? summary.peer->Host() : std::string());
  fmt::format_to(std::back_inserter(line_), ",\"port\":{}",
                 summary.peer != nullptr ? summary.peer->port : 0);
  const http::Request* request = summary.request;
  const bool known = request != nullptr;
  AppendMember(line_, "method", known ? request->method_text() : std::string_view());
  AppendMember(line_, "target", known ? Redacted(request->target()) : std::string_view());
  AppendMember(line_, "host", HeaderOf(request, "Host"));
  AppendMember(line_, "protocol", known ? ProtocolOf(*request) : std::string_view());
  fmt::format_to(std::back_inserter(line_), ",\"status\":{},\"bytes\":{},\"duration\":{:.6f}",
                 summary.status, summary.body_bytes_sent,
                 static_cast<double>(summary.duration_ns) / 1e9);
  AppendMember(line_, "route", summary.route.empty() ? kNoRoute : summary.route);
  AppendMember(line_, "subject", summary.subject);
  AppendMember(line_, "referer", Redacted(HeaderOf(request, "Referer")));
  AppendMember(line_, "user_agent", HeaderOf(request, "User-Agent"));
  fmt::format_to(std::back_inserter(line_), ",\"connection\":{},\"stream\":{}",
                 summary.connection_id, summary.stream);
  AppendMember(line_, "error", summary.error);
  AppendUpstream(summary.upstream);
  line_ += '}';
}

// The members are nginx's variables: upstream.addr is its $upstream_addr, and so on.
void AccessLog::AppendUpstream(const UpstreamRecord* record) {
  if (record == nullptr) {
    line_ += ",\"upstream\":null";
    return;
  }
  const proxy::CallRecord& call = record->call;
  line_ += ",\"upstream\":{\"name\":";
  AppendJsonString(line_, record->name);
  AppendMember(line_, "addr",
               call.address != nullptr ? std::string_view(*call.address) : std::string_view());
  if (record->status != 0) {
    fmt::format_to(std::back_inserter(line_), ",\"status\":{}", record->status);
  } else {
    line_ += ",\"status\":null";
  }
  AppendSeconds(line_, "connect_time", call.connect_ns);
  AppendSeconds(line_, "header_time", call.head_ns);
  AppendSeconds(line_, "response_time", call.end_ns);
  fmt::format_to(std::back_inserter(line_),
                 ",\"bytes_sent\":{},\"bytes_received\":{},\"tries\":{},\"failed\":[",
                 call.bytes_sent, call.bytes_received, call.tries);
  for (const proxy::CallRecord::Failure& failure : call.failures) {
    line_ += line_.back() == '[' ? "{\"addr\":" : ",{\"addr\":";
    AppendJsonString(line_, failure.server);
    AppendMember(line_, "reason", ToName(failure.kind));
    line_ += '}';
  }
  line_ += ']';
  AppendMember(line_, "error", record->error);
  line_ += '}';
}

std::string_view AccessLog::Redacted(std::string_view url) {
  url_.clear();
  redactor_.Append(url_, url);
  return url_;
}

void AccessLog::SetSecond(uint64_t unix_seconds) {
  if (second_ == unix_seconds) return;
  second_ = unix_seconds;
  const auto seconds = static_cast<time_t>(unix_seconds);
  const bool combined = format_ == config::AccessFormat::kCombined;
  std::tm parts{};
  if (combined) {
    localtime_r(&seconds, &parts);
  } else {
    gmtime_r(&seconds, &parts);
  }
  char text[64];
  const size_t size = std::strftime(
      text, sizeof text, combined ? "%d/%b/%Y:%H:%M:%S %z" : "%Y-%m-%dT%H:%M:%S", &parts);
  time_.assign(text, size);
}

}  // namespace sluice::server
