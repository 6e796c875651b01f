#include "sluice/base/utf8.h"

#include <cstdint>
#include <cstring>

namespace sluice {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// What a sequence that starts with a given byte looks like: its length, and the range of its second
// byte (the others are 80..BF). Length 0: no sequence starts so.
struct Lead {
  size_t length;
  uint8_t low;
  uint8_t high;
};

constexpr Lead Classify(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

struct Sequence {
  size_t length;  // of the character, or of the maximal subpart that stands for one U+FFFD
  bool valid;
};

// REQUIRES: `bytes` is not empty.
Sequence FirstSequence(std::string_view bytes) {
  const auto at = [bytes](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const Lead lead = Classify(at(0));
  if (lead.length == 0) return {1, false};
  for (size_t i = 1; i < lead.length; ++i) {
    const uint8_t low = i == 1 ? lead.low : 0x80;
    const uint8_t high = i == 1 ? lead.high : 0xBF;
    if (i == bytes.size() || at(i) < low || at(i) > high) return {i, false};
  }
  return {lead.length, true};
}

size_t AsciiPrefix(std::string_view bytes) {
  constexpr size_t kBlock = 4 * sizeof(uint64_t);
  constexpr uint64_t kHighBits = 0x8080'8080'8080'8080U;
  size_t i = 0;
  for (; i + kBlock <= bytes.size(); i += kBlock) {
    uint64_t words[4];
    std::memcpy(words, bytes.data() + i, kBlock);
    if (((words[0] | words[1] | words[2] | words[3]) & kHighBits) != 0) break;
  }
  while (i < bytes.size() && static_cast<uint8_t>(bytes[i]) < 0x80) ++i;
  return i;
}

}  // namespace

size_t Utf8CharacterLength(std::string_view bytes) {
  const Sequence first = FirstSequence(bytes);
  return first.valid ? first.length : 0;
}

size_t ValidUtf8Prefix(std::string_view bytes) {
  size_t i = 0;
  while (true) {
    i += AsciiPrefix(bytes.substr(i));
    if (i == bytes.size()) return i;
    // Text that is not ASCII mostly goes on so.
    do {
      const Sequence sequence = FirstSequence(bytes.substr(i));
      if (!sequence.valid) return i;
      i += sequence.length;
    } while (i < bytes.size() && static_cast<uint8_t>(bytes[i]) >= 0x80);
  }
}

void AppendUtf8(std::string& out, std::string_view bytes) {
  while (true) {
    const size_t valid = ValidUtf8Prefix(bytes);
    out += bytes.substr(0, valid);
    bytes.remove_prefix(valid);
    if (bytes.empty()) return;
    out += kReplacement;
    bytes.remove_prefix(FirstSequence(bytes).length);
  }
}

std::string_view CutUtf8(std::string_view bytes, size_t limit) {
  if (bytes.size() <= limit) return bytes;
  // A character has at most three continuation bytes; a longer run of them is no character.
  size_t start = limit;
  for (size_t back = 0; back < 3 && start > 0; ++back) {
    if ((static_cast<uint8_t>(bytes[start]) & 0xC0U) != 0x80U) break;
    --start;
  }
  const Sequence cut = FirstSequence(bytes.substr(start));
  return bytes.substr(0, cut.valid && start + cut.length > limit ? start : limit);
}

}  // namespace sluice
