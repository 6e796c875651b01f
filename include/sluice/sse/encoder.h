// Writes server-sent events: WHATWG HTML, 9.2.5 "Parsing an event stream" and 9.2.6 "Interpreting
// an event stream". All functions append to `out`, and what they append is whole lines. Pure
// functions, any thread.
//
// A stream that consists of what is written here starts with ':' or a field name, so a byte order
// mark in an event's data is never taken for the stream's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/base/result.h"

namespace sluice::sse {

inline constexpr size_t kMaxIdBytes = 128;
inline constexpr size_t kMaxEventNameBytes = 256;

// 1 to 128 bytes of [A-Za-z0-9._:-]. Clients send an id back in a header; several popular ones can
// never reconnect after an id outside Latin-1, and browsers preflight longer ones.
[[nodiscard]] bool IsValidId(std::string_view id);

// Valid UTF-8 without CR, LF and NUL, up to 256 bytes. Empty is valid and means no name
// ("message").
[[nodiscard]] bool IsValidEventName(std::string_view name);

struct Event {
  std::string_view name;  // empty: none
  std::string_view data;
  std::optional<uint32_t> retry_ms;
};

// The event without its id line, and the empty line that ends it:
//
//   event: alert\n  data: first line\n  data: second line\n  retry: 3000\n  \n
//
// Every CR, LF and CRLF in the data ends a line, so the client sees each as LF. Ill-formed UTF-8
// becomes U+FFFD. Empty data is an event too: the client gets "". In the worst case (nothing but
// line ends) the result is 7 times the data's size. Fails, and appends nothing, if the name is not
// valid.
[[nodiscard]] Result<> AppendEvent(std::string& out, const Event& event);

// `: text`, and an empty line. A text of several lines gives several comment lines.
void AppendComment(std::string& out, std::string_view text);

// `retry: n` and an empty line: how long the client waits before it reconnects.
void AppendRetry(std::string& out, uint32_t retry_ms);

// How every stream begins: `retry: n`, `: ok` and an empty line.
void AppendPreamble(std::string& out, uint32_t retry_ms);

// The shortest comment. It keeps intermediaries and clients from taking silence for death.
inline constexpr std::string_view kHeartbeat = ":\n\n";

}  // namespace sluice::sse
