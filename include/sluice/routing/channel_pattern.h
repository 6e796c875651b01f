// A channel template such as "room:{id}": makes a channel's name of parameters, and finds the
// parameters in a name. Immutable, any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::routing {

struct Parameter {
  std::string_view name;
  std::string_view value;
};

class ChannelPattern {
 public:
  // REQUIRES: checked by the config reader.
  explicit ChannelPattern(std::string_view text);

  [[nodiscard]] bool exact() const { return names_.empty(); }
  [[nodiscard]] std::string Make(std::span<const Parameter> parameters) const;
  // Whether `channel` is one of these. Each parameter takes at least one byte and as few as it can.
  [[nodiscard]] bool Matches(std::string_view channel) const { return Parse(channel, nullptr); }
  // The same, and gives the parameters: views of this and of `channel`.
  [[nodiscard]] bool Parse(std::string_view channel, std::vector<Parameter>* out) const;

 private:
  std::vector<std::string> literals_;  // one more than names_: text before, between and after
  std::vector<std::string> names_;
};

}  // namespace sluice::routing
