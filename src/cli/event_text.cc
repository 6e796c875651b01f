#include "cli/event_text.h"

#include <algorithm>
#include <string_view>

#include "cli/text.h"
#include "sluice/base/json_string.h"

namespace sluice::cli {

std::string EventText(const sse::ReceivedEvent& event, bool escape) {
  std::string out;
  const auto append = [&out, escape](std::string_view text) {
    if (escape) {
      out += Printable(text);
    } else {
      out += text;
    }
  };
  if (event.type != "message") {
    out += '[';
    append(event.type);
    out += "] ";
  }
  std::string_view rest = event.data;
  do {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    append(line);
    out += '\n';
    if (line.size() == rest.size()) return out;
    rest.remove_prefix(line.size() + 1);
  } while (true);
}

std::string EventJson(const sse::ReceivedEvent& event) {
  std::string out = "{\"type\":";
  AppendJsonString(out, event.type);
  out += ",\"id\":";
  AppendJsonString(out, event.last_event_id);
  out += ",\"data\":";
  AppendJsonString(out, event.data);
  out += "}\n";
  return out;
}

}  // namespace sluice::cli
