#include "sluice/routing/channel_pattern.h"

namespace sluice::routing {

ChannelPattern::ChannelPattern(std::string_view text) {
  for (;;) {
    const size_t open = text.find('{');
    literals_.emplace_back(text.substr(0, open));
    if (open == std::string_view::npos) return;
    const size_t close = text.find('}', open);
    names_.emplace_back(text.substr(open + 1, close - open - 1));
    text.remove_prefix(close + 1);
  }
}

std::string ChannelPattern::Make(std::span<const Parameter> parameters) const {
  std::string channel = literals_[0];
  for (size_t i = 0; i < names_.size(); ++i) {
    for (const Parameter& parameter : parameters) {
      if (parameter.name == names_[i]) channel += parameter.value;
    }
    channel += literals_[i + 1];
  }
  return channel;
}

bool ChannelPattern::Parse(std::string_view channel, std::vector<Parameter>* out) const {
  if (channel.substr(0, literals_[0].size()) != literals_[0]) return false;
  channel.remove_prefix(literals_[0].size());
  for (size_t i = 0; i < names_.size(); ++i) {
    const std::string& after = literals_[i + 1];
    if (i + 1 == names_.size()) {
      if (channel.size() <= after.size() || !channel.ends_with(after)) return false;
      if (out != nullptr) {
        out->push_back({names_[i], channel.substr(0, channel.size() - after.size())});
      }
      return true;
    }
    const size_t at = channel.find(after, 1);
    if (at == std::string_view::npos) return false;
    if (out != nullptr) out->push_back({names_[i], channel.substr(0, at)});
    channel.remove_prefix(at + after.size());
  }
  return channel.empty();
}

}  // namespace sluice::routing
