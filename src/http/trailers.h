// The trailer section of a chunked message (RFC 9112 7.1.2): read line by line like a head, then
// cut down to the fields that may stand there. Loop-thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/llhttp_machine.h"
#include "sluice/http/field_lines.h"

namespace sluice::http {

// The last chunk's line end, to which the section's lines are appended.
inline constexpr std::string_view kTrailersBegin = "\r\n";

struct TrailersFed {
  enum class Event : uint8_t {
    kMore,
    kEnd,
    kLimit,   // over `limit` bytes
    kLines,   // a bare CR or LF, a folded line or one without a name
    kSyntax,  // the machine's reason() says what
  };
  Event event = Event::kMore;
  size_t consumed = 0;
};

// Appends what of `bytes` belongs to `section`, which began as kTrailersBegin, and gives it to
// `machine`, which stands behind the last chunk.
[[nodiscard]] TrailersFed FeedTrailers(std::string_view bytes, uint32_t limit,
                                       LlhttpMachine& machine, std::string& section);

// Whether a field may be passed on in trailers: nothing that frames, routes, authorises, describes
// the content or controls how a message is handled (RFC 9110 6.5.1), however an application folds
// its name ("content_length").
[[nodiscard]] bool MayBeTrailer(std::string_view name);

// The lines of a whole section, each with its CR LF, that may be passed on. `head` is that of the
// message: what its Connection nominates stays here.
[[nodiscard]] std::string KeepTrailers(std::string_view section, const FieldLines& head);

}  // namespace sluice::http
