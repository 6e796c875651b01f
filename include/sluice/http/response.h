// Responses, and their bytes on the wire (RFC 9112 4, 6). Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::http {

// A whole answer. Date, Content-Length, Transfer-Encoding and Connection are added when it is sent,
// and do not belong in `headers`.
struct Response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // The length of what GET would send is not known (HEAD of a stream): no Content-Length.
  bool unknown_length = false;
  // The connection ends after this answer.
  bool close = false;
};

// {"error":"<reason phrase>","detail":"<detail>"} with its Content-Type. `detail` must hold nothing
// secret; it is made valid JSON whatever its bytes are.
[[nodiscard]] Response ErrorResponse(int status, std::string_view detail);

// What HEAD gets where GET would open an event stream.
[[nodiscard]] Response StreamHeadResponse();

// The head's bytes, to be followed by `response.body`, unless `without_body` (HEAD) or the status
// has none (204, 304).
struct ResponseFraming {
  bool keep_alive = true;
  bool without_body = false;
};
[[nodiscard]] std::string SerializeHead(const Response& response, const ResponseFraming& framing);
// Whether the body's bytes follow the head.
[[nodiscard]] bool SendsBody(const Response& response, const ResponseFraming& framing);

// How an event stream's bytes are delimited: HTTP/1.1 has chunks, HTTP/1.0 the end of the
// connection.
enum class StreamFraming : uint8_t { kChunked, kUntilClose };
// The head that opens an event stream (contract, "Subscribing"). `extra` is whole header lines,
// each with its CRLF, for what differs from one client to the next (CORS). Costs a copy: nothing is
// formatted but the date, once a second.
[[nodiscard]] std::string StreamHead(StreamFraming framing, std::string_view extra = {});

inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7).
[[nodiscard]] std::string FormatDate(uint64_t unix_seconds);
// Now. Formatted once a second and thread; the view holds until this thread's next call.
[[nodiscard]] std::string_view CurrentDate();

}  // namespace sluice::http
