#include "cli/bench_payload.h"

#include <iterator>

#include <fmt/format.h>

namespace sluice::cli::bench {

void MakePayload(const Stamp& stamp, size_t bytes, std::string& out) {
  constexpr std::string_view kEnd = "\"}";
  out.clear();
  fmt::format_to(std::back_inserter(out), "{}{}{}{},\"p\":\"", detail::kSequenceLabel,
                 stamp.sequence, detail::kIntendedLabel, stamp.intended_ns);
  out.append(bytes - out.size() - kEnd.size(), 'x');
  out.append(kEnd);
}

}  // namespace sluice::cli::bench
