#include "pubsub/json_reader.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "sluice/base/utf8.h"

namespace sluice::pubsub {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::string_view kSpace = " \t\n\r";

std::string_view TrimEnd(std::string_view text) {
  const size_t last = text.find_last_not_of(kSpace);
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsHex(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
bool IsNumber(std::string_view text) {
  size_t i = 0;
  const auto digits = [&] {
    const size_t start = i;
    while (i < text.size() && IsDigit(text[i])) ++i;
    return i > start;
  };
  const auto take = [&](std::string_view any_of) {
    const bool there = i < text.size() && any_of.find(text[i]) != std::string_view::npos;
    if (there) ++i;
    return there;
  };
  take("-");
  if (!take("0") && !digits()) return false;
  if (take(".") && !digits()) return false;
  if (take("eE")) {
    take("+-");
    if (!digits()) return false;
  }
  return i == text.size();
}

// A string with its quotes, whose bytes are already known to be UTF-8 without control characters.
bool IsString(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return false;
  const std::string_view inside = text.substr(1, text.size() - 2);
  if (inside.find('"') != std::string_view::npos || inside.find('\\') != std::string_view::npos) {
    for (size_t i = 0; i < inside.size(); ++i) {
      if (inside[i] == '"') return false;
      if (inside[i] != '\\') continue;
      if (++i == inside.size()) return false;  // that quote was not the closing one
      if (inside[i] == 'u') {
        if (inside.size() - i < 5) return false;
        if (!std::all_of(&inside[i + 1], &inside[i] + 5, IsHex)) return false;
        i += 4;
      } else if (std::string_view("\"\\/bfnrt").find(inside[i]) == std::string_view::npos) {
        return false;
      }
    }
  }
  return true;
}

// What a value is, by its first byte; kMissing if no value starts so.
JsonKind KindOf(char first) {
  switch (first) {
    case '{':
      return JsonKind::kObject;
    case '[':
      return JsonKind::kArray;
    case '"':
      return JsonKind::kString;
    case 't':
    case 'f':
      return JsonKind::kBool;
    case 'n':
      return JsonKind::kNull;
    default:
      return first == '-' || IsDigit(first) ? JsonKind::kNumber : JsonKind::kMissing;
  }
}

bool IsScalar(JsonKind kind, std::string_view text) {
  switch (kind) {
    case JsonKind::kString:
      return IsString(text);
    case JsonKind::kNumber:
      return IsNumber(text);
    case JsonKind::kBool:
      return text == "true" || text == "false";
    case JsonKind::kNull:
      return text == "null";
    default:
      return false;
  }
}

std::string_view Describe(simdjson::error_code error) {
  switch (error) {
    case simdjson::UTF8_ERROR:
      return "is not valid UTF-8";
    case simdjson::UNESCAPED_CHARS:
      return "has a control character in a string";
    case simdjson::UNCLOSED_STRING:
      return "ends inside a string";
    case simdjson::INCOMPLETE_ARRAY_OR_OBJECT:
      return "ends inside an array or object";
    case simdjson::CAPACITY:
    case simdjson::MEMALLOC:
      return "is too long";
    default:
      return "is not JSON";
  }
}

// Visits every value once, since simdjson's on-demand parser checks only what is asked for. It
// never goes on after an error.
class Walker {
 public:
  Walker(std::string_view text, std::span<const std::string> names, std::span<JsonMember> members)
      : text_(text), names_(names), members_(members) {}

  [[nodiscard]] Result<JsonKind> Walk(ondemand::document& document) {
    const JsonKind kind = KindOf(text_.front());
    bool walked = false;
    if (kind == JsonKind::kObject) {
      ondemand::object object;
      walked = Check(document.get_object().get(object)) && WalkObject(object, 1);
    } else {
      ondemand::array array;
      walked = Check(document.get_array().get(array)) && WalkArray(array, 1);
    }
    const char* next = nullptr;
    const bool at_end = document.current_location().get(next) == simdjson::OUT_OF_BOUNDS;
    if (walked && at_end) return kind;
    if (!fault_.empty()) return Fail(Errc::kInvalid, std::string(fault_));
    if (at_end || next < text_.data() || next >= text_.data() + text_.size()) {
      return Fail(Errc::kInvalid, "is not JSON");
    }
    return Fail(Errc::kInvalid, fmt::format("is not JSON at byte {}", next - text_.data()));
  }

 private:
  [[nodiscard]] bool Check(simdjson::error_code error) {
    if (error == simdjson::INCOMPLETE_ARRAY_OR_OBJECT) fault_ = Describe(error);
    return error == simdjson::SUCCESS;
  }

  [[nodiscard]] bool CheckDepth(int depth) {
    if (depth <= JsonReader::kMaxDepth) return true;
    fault_ = "is nested more than 256 levels deep";
    return false;
  }

  // `depth` counts the array or object itself.
  [[nodiscard]] bool WalkArray(ondemand::array& array, int depth) {
    if (!CheckDepth(depth)) return false;
    for (auto element : array) {
      ondemand::value value;
      if (!Check(element.get(value)) || !WalkValue(value, depth, nullptr)) return false;
    }
    return true;
  }

  [[nodiscard]] bool WalkObject(ondemand::object& object, int depth) {
    if (!CheckDepth(depth)) return false;
    for (auto element : object) {
      ondemand::field field;
      if (!Check(std::move(element).get(field))) return false;
      const char* key = field.key().raw() - 1;
      const std::string_view key_text = StringAt(key);
      if (!IsString(key_text)) return false;
      JsonMember* member = depth == 1 ? Wanted(key_text, field) : nullptr;
      if (!WalkValue(field.value(), depth, member)) return false;
    }
    return true;
  }

  [[nodiscard]] bool WalkValue(ondemand::value& value, int depth, JsonMember* member) {
    const std::string_view token = TrimEnd(value.raw_json_token());
    const JsonKind kind = KindOf(token.empty() ? '\0' : token.front());
    if (member != nullptr) {
      const bool repeated = member->kind != JsonKind::kMissing;
      *member = JsonMember{
          .kind = kind, .repeated = repeated, .unpaired = false, .raw = token, .at = 0, .text = {}};
    }
    switch (kind) {
      case JsonKind::kObject: {
        ondemand::object object;
        if (!Check(value.get_object().get(object)) || !WalkObject(object, depth + 1)) return false;
        break;
      }
      case JsonKind::kArray: {
        ondemand::array array;
        if (!Check(value.get_array().get(array)) || !WalkArray(array, depth + 1)) return false;
        break;
      }
      case JsonKind::kString:
        return IsString(token) && TakeString(value, member);
      default:
        // simdjson itself steps over a number, boolean or null that was not asked for.
        return IsScalar(kind, token);
    }
    return member == nullptr || TakeRaw(value, *member);
  }

  // simdjson must be made to pass a string: skipping one, it would take `"a":` for a key anywhere.
  [[nodiscard]] static bool TakeString(ondemand::value& value, JsonMember* member) {
    if (member == nullptr) return value.get_raw_json_string().error() == simdjson::SUCCESS;
    member->unpaired = value.get_string().get(member->text) != simdjson::SUCCESS;
    return true;
  }

  // Having walked through an array or object, simdjson stands on what follows it.
  [[nodiscard]] bool TakeRaw(ondemand::value& value, JsonMember& member) {
    const char* next = nullptr;
    if (!Check(value.current_location().get(next))) return false;
    const char* start = member.raw.data();
    member.raw = TrimEnd({start, static_cast<size_t>(next - start)});
    return true;
  }

  // The string that starts at `quote`: up to the closing quote, or as much as there is.
  [[nodiscard]] std::string_view StringAt(const char* quote) const {
    const char* end = text_.data() + text_.size();
    const char* p = quote + 1;
    while (p < end && *p != '"') p += *p == '\\' ? 2 : 1;
    p = std::min(p + 1, end);
    return {quote, static_cast<size_t>(p - quote)};
  }

  [[nodiscard]] JsonMember* Wanted(std::string_view key_text, ondemand::field& field) {
    if (names_.empty()) return nullptr;
    std::string_view key = key_text.substr(1, key_text.size() - 2);
    // A name that cannot be written in UTF-8 is none of ours.
    if (key.find('\\') != std::string_view::npos &&
        field.unescaped_key().get(key) != simdjson::SUCCESS) {
      return nullptr;
    }
    const auto found = std::find(names_.begin(), names_.end(), key);
    return found == names_.end() ? nullptr : &members_[static_cast<size_t>(found - names_.begin())];
  }

  std::string_view text_;
  std::span<const std::string> names_;
  std::span<JsonMember> members_;
  std::string_view fault_;
};

}  // namespace

// What is kept from one text to the next.
struct JsonReader::Parser {
  static constexpr size_t kMinBytes = 1024;
  static constexpr size_t kMaxBytes = size_t{256} * 1024;  // a larger text's memory is given back

  // Copies the text to where the bytes behind it may be read too, as simdjson wants it.
  [[nodiscard]] simdjson::error_code Load(std::string_view text);

  ondemand::parser parser;
  std::unique_ptr<char[]> padded;
  size_t capacity = 0;  // of `padded`, without what is behind the text
};

simdjson::error_code JsonReader::Parser::Load(std::string_view text) {
  if (capacity > kMaxBytes && text.size() <= kMaxBytes) {
    parser = ondemand::parser();
    padded.reset();
    capacity = 0;
  }
  if (capacity < text.size()) {
    const size_t wanted = std::bit_ceil(std::max(text.size(), kMinBytes));
    if (const auto error = parser.allocate(wanted, kMaxDepth + 2)) return error;
    padded = std::make_unique<char[]>(wanted + simdjson::SIMDJSON_PADDING);
    capacity = wanted;
  }
  std::memcpy(padded.get(), text.data(), text.size());
  std::memset(padded.get() + text.size(), ' ', simdjson::SIMDJSON_PADDING);
  return simdjson::SUCCESS;
}

JsonReader::JsonReader() : parser_(std::make_unique<Parser>()) {}
JsonReader::~JsonReader() = default;

Result<JsonKind> JsonReader::Read(std::string_view text, std::span<const std::string> names,
                                  std::span<JsonMember> members) {
  assert(names.size() == members.size());
  std::fill(members.begin(), members.end(), JsonMember());
  text = TrimEnd(text);
  const size_t start = std::min(text.find_first_not_of(kSpace), text.size());
  text.remove_prefix(start);
  if (text.empty()) return Fail(Errc::kInvalid, "is empty");

  const JsonKind kind = KindOf(text.front());
  if (kind != JsonKind::kObject && kind != JsonKind::kArray) {
    if (!IsValidUtf8(text)) return Fail(Errc::kInvalid, "is not valid UTF-8");
    const bool control =
        std::any_of(text.begin(), text.end(), [](char c) { return c >= 0 && c < 0x20; });
    if (control || !IsScalar(kind, text)) return Fail(Errc::kInvalid, "is not JSON");
    return kind;
  }
  ondemand::document document;
  auto error = parser_->Load(text);
  const std::string_view copy(parser_->padded.get(), text.size());
  if (!error) {
    error = parser_->parser.iterate(copy, copy.size() + simdjson::SIMDJSON_PADDING).get(document);
  }
  if (error) return Fail(Errc::kInvalid, std::string(Describe(error)));
  const auto walked = Walker(copy, names, members).Walk(document);
  for (JsonMember& member : members) {
    if (member.kind != JsonKind::kMissing) {
      member.at = start + static_cast<size_t>(member.raw.data() - copy.data());
    }
  }
  return walked;
}

}  // namespace sluice::pubsub
