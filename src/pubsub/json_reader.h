// Checks that a text is one JSON value (RFC 8259) and picks members of the object that it is.
// Values are handed out as their text, so numbers of any size and precision pass unchanged. One
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "sluice/base/result.h"

namespace sluice::pubsub {

enum class JsonKind : uint8_t { kMissing, kNull, kBool, kNumber, kString, kArray, kObject };

struct JsonMember {
  JsonKind kind = JsonKind::kMissing;
  bool repeated = false;  // the object has it more than once; this is the last
  // Of a string: it cannot be written in UTF-8, because of half a surrogate pair (\ud800).
  bool unpaired = false;
  std::string_view raw;   // the value's JSON text
  size_t at = 0;          // where that begins in the text that was read
  std::string_view text;  // of a string: what it says, without quotes and escapes
};

class JsonReader {
 public:
  static constexpr int kMaxDepth = 256;

  JsonReader();
  ~JsonReader();
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;

  // Reads all of `text` and returns what it is. If it is an object, members[i] becomes its member
  // names[i]; else all are missing. Their views hold until the next Read.
  // REQUIRES: names.size() == members.size().
  [[nodiscard]] Result<JsonKind> Read(std::string_view text, std::span<const std::string> names,
                                      std::span<JsonMember> members);

 private:
  struct Parser;  // simdjson's types change their size with its macros, so they stay in one file

  std::unique_ptr<Parser> parser_;
};

}  // namespace sluice::pubsub
