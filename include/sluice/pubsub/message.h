// What a publisher said, read from a raw message by the topic's format:
//
//   text      the bytes are the data
//   envelope  {"data": ..., "event": ..., "id": ..., "retry": ...}; only `data` must be there. A
//   string is
//             taken as text, any other JSON value as its JSON text. Other members are ignored.
//   json      any JSON value; it is the data, byte for byte
//
// What was published over HTTP comes wrapped (pubsub/broker_payload.h), whatever the format.
//
// JSON is checked whole (RFC 8259, at most 256 levels deep). Numbers of any size pass, since nobody
// here computes with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/base/result.h"
#include "sluice/config/config.h"

namespace sluice::pubsub {

// A filter field longer than this has no value: what a frame holds beside its bytes is bounded.
inline constexpr size_t kMaxFilterValueBytes = 256;

struct Message {
  std::string_view data;   // any bytes
  std::string_view event;  // empty: none; see sse::IsValidEventName
  std::string_view id;     // empty: none; see sse::IsValidId
  std::optional<uint32_t> retry_ms;
  // Values of the topic's `filter:` fields in their order: members of the JSON message, or of the
  // envelope's data. Strings as they are, numbers and booleans as their JSON text; anything else,
  // or nothing, is no value (false). Of a member given twice the last counts, as for the clients.
  std::vector<std::pair<bool, std::string>> fields;
};

// Keeps its parser and buffers from one message to the next. One thread.
class MessageDecoder {
 public:
  MessageDecoder();
  ~MessageDecoder();
  MessageDecoder(const MessageDecoder&) = delete;
  MessageDecoder& operator=(const MessageDecoder&) = delete;

  // The message's views hold until `raw` goes or the next Decode. Errors (kInvalid) say what is
  // wrong with which member, and never quote the message.
  [[nodiscard]] Result<Message> Decode(const config::Topic& topic, std::string_view raw);
  // Of a message whose event name and id came apart from its data: reads the fields, and checks
  // the data if the topic's format is json.
  [[nodiscard]] Result<Message> DecodeEvent(const config::Topic& topic, const Message& event);

 private:
  struct Readers;

  [[nodiscard]] Result<Message> DecodeWrapped(const config::Topic& topic,
                                              std::string_view envelope);
  [[nodiscard]] Result<Message> DecodeEnvelope(const config::Topic& topic, std::string_view raw);
  [[nodiscard]] Result<Message> DecodeJson(const config::Topic& topic, std::string_view raw);

  std::unique_ptr<Readers> readers_;
};

}  // namespace sluice::pubsub
