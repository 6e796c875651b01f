#include "sluice/pubsub/message.h"

#include <array>
#include <charconv>
#include <span>

#include <fmt/format.h>

#include "pubsub/json_reader.h"
#include "sluice/pubsub/broker_payload.h"
#include "sluice/sse/encoder.h"

namespace sluice::pubsub {
namespace {

// Members of an envelope, in the order of kEnvelopeNames.
enum EnvelopeMember : size_t { kData, kEvent, kId, kRetry, kEnvelopeMembers };
const std::array<std::string, kEnvelopeMembers> kEnvelopeNames = {"data", "event", "id", "retry"};

tl::unexpected<Error> BadMember(EnvelopeMember member, std::string_view what) {
  return Fail(Errc::kInvalid,
              fmt::format("envelope member \"{}\" {}", kEnvelopeNames[member], what));
}

tl::unexpected<Error> About(std::string_view subject, const Error& error) {
  return Fail(error.code, fmt::format("{} {}", subject, error.message));
}

// A member that may be left out, which null does too.
bool IsGiven(const JsonMember& member) {
  return member.kind != JsonKind::kMissing && member.kind != JsonKind::kNull;
}

std::optional<uint32_t> ParseMilliseconds(std::string_view digits) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::pair<bool, std::string> FieldValue(const JsonMember& member) {
  std::string_view value;
  switch (member.kind) {
    case JsonKind::kString:
      if (member.unpaired) return {false, {}};
      value = member.text;
      break;
    case JsonKind::kBool:
    case JsonKind::kNumber:
      value = member.raw;
      break;
    default:
      return {false, {}};
  }
  if (value.size() > kMaxFilterValueBytes) return {false, {}};
  return {true, std::string(value)};
}

}  // namespace

struct MessageDecoder::Readers {
  JsonReader outer;  // the message
  JsonReader inner;  // the envelope's data, while the outer one's views are in use
  std::vector<JsonMember> found;

  // `data_kind`: what the envelope's data is; anything but a string is its JSON text.
  Result<Message> ReadEnvelope(std::string_view raw, JsonKind& data_kind);

  // Checks that `text` is JSON, and fills in the filter fields that it has.
  Result<> ReadFields(JsonReader& reader, const config::Topic& topic, std::string_view text,
                      Message& message) {
    found.resize(topic.filter.size());
    const auto kind = reader.Read(text, topic.filter, found);
    if (!kind) return tl::unexpected<Error>(kind.error());
    message.fields.reserve(found.size());
    for (const JsonMember& member : found) message.fields.push_back(FieldValue(member));
    return {};
  }
};

MessageDecoder::MessageDecoder() : readers_(std::make_unique<Readers>()) {}
MessageDecoder::~MessageDecoder() = default;

Result<Message> MessageDecoder::Decode(const config::Topic& topic, std::string_view raw) {
  if (const auto envelope = UnwrapPayload(raw)) {
    auto wrapped = DecodeWrapped(topic, *envelope);
    // Text may begin with any byte: what is no envelope after all is a message like any other.
    if (wrapped || topic.format != config::Format::kText) return wrapped;
  }
  switch (topic.format) {
    case config::Format::kEnvelope:
      return DecodeEnvelope(topic, raw);
    case config::Format::kJson:
      return DecodeJson(topic, raw);
    case config::Format::kText:
      break;
  }
  Message message;
  message.data = raw;
  return message;
}

Result<Message> MessageDecoder::DecodeEvent(const config::Topic& topic, const Message& event) {
  Message message = event;
  message.fields.clear();
  if (topic.format == config::Format::kText) return message;
  if (const auto read = readers_->ReadFields(readers_->outer, topic, event.data, message); !read) {
    return About("data", read.error());
  }
  return message;
}

// Published over HTTP: the data is text, whatever the topic's format; where filters ask for JSON,
// it may be JSON text.
Result<Message> MessageDecoder::DecodeWrapped(const config::Topic& topic,
                                              std::string_view envelope) {
  JsonKind data_kind;
  Result<Message> message = readers_->ReadEnvelope(envelope, data_kind);
  if (!message || topic.format == config::Format::kText) return message;
  const auto read = readers_->ReadFields(readers_->inner, topic, message->data, *message);
  if (!read && topic.format == config::Format::kJson) return About("message", read.error());
  message->fields.resize(topic.filter.size());
  return message;
}

Result<Message> MessageDecoder::DecodeJson(const config::Topic& topic, std::string_view raw) {
  Message message;
  message.data = raw;
  if (const auto read = readers_->ReadFields(readers_->outer, topic, raw, message); !read) {
    return About("message", read.error());
  }
  return message;
}

Result<Message> MessageDecoder::DecodeEnvelope(const config::Topic& topic, std::string_view raw) {
  JsonKind data_kind;
  Result<Message> message = readers_->ReadEnvelope(raw, data_kind);
  if (!message || topic.filter.empty()) return message;
  if (data_kind != JsonKind::kObject) {
    message->fields.resize(topic.filter.size());
  } else if (const auto read =
                 readers_->ReadFields(readers_->inner, topic, message->data, *message);
             !read) {
    return About("envelope member \"data\"", read.error());
  }
  return message;
}

Result<Message> MessageDecoder::Readers::ReadEnvelope(std::string_view raw, JsonKind& data_kind) {
  std::array<JsonMember, kEnvelopeMembers> members;
  const auto kind = outer.Read(raw, kEnvelopeNames, members);
  if (!kind) return About("envelope", kind.error());
  if (*kind != JsonKind::kObject) return Fail(Errc::kInvalid, "envelope is not a JSON object");
  for (const auto member : {kData, kEvent, kId, kRetry}) {
    if (members[member].repeated) return BadMember(member, "is given twice");
    if (members[member].unpaired) return BadMember(member, "holds half a surrogate pair");
  }

  Message message;
  const JsonMember& data = members[kData];
  if (data.kind == JsonKind::kMissing) return BadMember(kData, "is missing");
  data_kind = data.kind;
  message.data = data.kind == JsonKind::kString ? data.text : data.raw;

  if (const JsonMember& event = members[kEvent]; IsGiven(event)) {
    if (event.kind != JsonKind::kString) return BadMember(kEvent, "is not a string");
    if (!sse::IsValidEventName(event.text)) {
      return BadMember(kEvent, "is longer than 256 bytes or has a CR, LF or NUL");
    }
    message.event = event.text;
  }
  if (const JsonMember& id = members[kId]; IsGiven(id)) {
    if (id.kind != JsonKind::kString) return BadMember(kId, "is not a string");
    if (!sse::IsValidId(id.text)) return BadMember(kId, "is not 1 to 128 of A-Z a-z 0-9 . _ : -");
    message.id = id.text;
  }
  if (const JsonMember& retry = members[kRetry]; IsGiven(retry)) {
    message.retry_ms = ParseMilliseconds(retry.raw);
    if (!message.retry_ms) return BadMember(kRetry, "is not a whole number from 0 to 4294967295");
  }
  return message;
}

}  // namespace sluice::pubsub
