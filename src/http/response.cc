#include "sluice/http/response.h"

#include <array>
#include <cstddef>
#include <ctime>
#include <iterator>

#include <fmt/format.h>

#include "sluice/base/clock.h"
#include "sluice/base/json_string.h"
#include "sluice/http/status.h"

namespace sluice::http {
namespace {

bool HasNoBody(int status) {
  return status < 200 || status == 204 || status == 304;
}

// A name or value must not end its line: whatever could is made a space.
void AppendFieldText(std::string& out, std::string_view text) {
  for (const char c : text) out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
}

}  // namespace

Response ErrorResponse(int status, std::string_view detail) {
  Response response{
      .status = status,
      .headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
      .body = {}};
  response.body = "{\"error\":";
  AppendJsonString(response.body, ReasonPhrase(status));
  response.body += ",\"detail\":";
  AppendJsonString(response.body, detail);
  response.body += "}\n";
  return response;
}

Response StreamHeadResponse() {
  return {.status = 200,
          .headers = {{"Content-Type", "text/event-stream"},
                      {"Cache-Control", "no-cache, no-transform"},
                      {"X-Accel-Buffering", "no"}},
          .body = {},
          .unknown_length = true};
}

std::string SerializeHead(const Response& response, const ResponseFraming& framing) {
  std::string out;
  out.reserve(256);
  out += "HTTP/1.1 ";
  out += fmt::format_int(response.status).c_str();
  out += ' ';
  out += ReasonPhrase(response.status);
  out += "\r\nDate: ";
  out += CurrentDate();
  out += "\r\n";
  for (const auto& [name, value] : response.headers) {
    AppendFieldText(out, name);
    out += ": ";
    AppendFieldText(out, value);
    out += "\r\n";
  }
  if (!HasNoBody(response.status) && !response.unknown_length) {
    out += "Content-Length: ";
    out += fmt::format_int(response.body.size()).c_str();
    out += "\r\n";
  }
  out += framing.keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return out;
}

bool SendsBody(const Response& response, const ResponseFraming& framing) {
  return !framing.without_body && !HasNoBody(response.status) && !response.body.empty();
}

std::string StreamHead(StreamFraming framing, std::string_view extra) {
  static constexpr std::string_view kFields =
      "HTTP/1.1 200 OK\r\n"
      "Content-Type: text/event-stream\r\n"
      "Cache-Control: no-cache, no-transform\r\n"
      "X-Accel-Buffering: no\r\n";
  static constexpr std::string_view kChunked =
      "Connection: keep-alive\r\n"
      "Transfer-Encoding: chunked\r\n";
  static constexpr std::string_view kUntilClose = "Connection: close\r\n";
  std::string out;
  out.reserve(256 + extra.size());
  out += kFields;
  out += framing == StreamFraming::kChunked ? kChunked : kUntilClose;
  out += extra;
  out += "Date: ";
  out += CurrentDate();
  out += "\r\n\r\n";
  return out;
}

std::string FormatDate(uint64_t unix_seconds) {
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto seconds = static_cast<time_t>(unix_seconds);
  tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                     kDays[static_cast<size_t>(utc.tm_wday)], utc.tm_mday,
                     kMonths[static_cast<size_t>(utc.tm_mon)], 1900 + utc.tm_year, utc.tm_hour,
                     utc.tm_min, utc.tm_sec);
}

std::string_view CurrentDate() {
  thread_local uint64_t second = 0;
  thread_local std::string date;
  const uint64_t now = WallMs() / 1000;
  if (now != second) {
    date = FormatDate(now);
    second = now;
  }
  return date;
}

}  // namespace sluice::http
