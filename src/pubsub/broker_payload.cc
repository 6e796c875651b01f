#include "sluice/pubsub/broker_payload.h"

#include "sluice/base/json_string.h"

namespace sluice::pubsub {
namespace {

constexpr char kRecordSeparator = '\x1e';

}  // namespace

std::string WrapPayload(std::string_view data, std::string_view event, std::string_view id) {
  std::string payload(1, kRecordSeparator);
  payload += "{\"data\":";
  AppendJsonString(payload, data);
  if (!event.empty()) {
    payload += ",\"event\":";
    AppendJsonString(payload, event);
  }
  if (!id.empty()) {
    payload += ",\"id\":";
    AppendJsonString(payload, id);
  }
  payload += "}\n";
  return payload;
}

std::optional<std::string_view> UnwrapPayload(std::string_view payload) {
  if (payload.size() < 2 || payload[0] != kRecordSeparator || payload[1] != '{') {
    return std::nullopt;
  }
  return payload.substr(1);
}

}  // namespace sluice::pubsub
