#include "server/accept_header.h"

#include "sluice/http/request.h"

namespace sluice::server {
namespace {

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Cuts the part before `separator` off the front of `rest`.
std::string_view Next(std::string_view& rest, char separator) {
  const size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return Trim(part);
}

// "q=0", "q=0.0", "q=0.000".
bool IsZeroWeight(std::string_view parameter) {
  if (parameter.size() < 3 || !http::EqualsIgnoreCase(parameter.substr(0, 2), "q=")) return false;
  return parameter.find_first_not_of("0.", 2) == std::string_view::npos;
}

int Specificity(std::string_view range) {
  if (http::EqualsIgnoreCase(range, "text/event-stream")) return 3;
  if (http::EqualsIgnoreCase(range, "text/*")) return 2;
  return range == "*/*" ? 1 : 0;
}

}  // namespace

bool AcceptsEventStream(std::string_view accept) {
  bool any_range = false;
  int best = 0;
  bool accepted = false;
  while (!accept.empty()) {
    std::string_view item = Next(accept, ',');
    const std::string_view range = Next(item, ';');
    if (range.empty()) continue;
    any_range = true;
    bool refused = false;
    while (!item.empty()) refused = IsZeroWeight(Next(item, ';')) || refused;
    const int specificity = Specificity(range);
    if (specificity > best) {
      best = specificity;
      accepted = !refused;
    }
  }
  return accepted || !any_range;
}

bool NamesEventStream(std::string_view accept) {
  while (!accept.empty()) {
    std::string_view item = Next(accept, ',');
    if (Specificity(Next(item, ';')) == 3) return true;
  }
  return false;
}

}  // namespace sluice::server
