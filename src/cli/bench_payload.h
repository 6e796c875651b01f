// What an event of the load generator says: its number and when it should have been published,
// padded to the size asked for: {"seq":42,"t":81234567890123,"p":"xxxx"}. Any thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::cli::bench {

struct Stamp {
  uint64_t sequence = 0;     // from 1, without holes
  uint64_t intended_ns = 0;  // CLOCK_MONOTONIC; the schedule's time, not that of the actual send
};

inline constexpr size_t kMinPayloadBytes = 64;  // room for the largest stamp

// Replaces `out`. REQUIRES: bytes >= kMinPayloadBytes.
void MakePayload(const Stamp& stamp, size_t bytes, std::string& out);

namespace detail {

inline constexpr std::string_view kSequenceLabel = "{\"seq\":";
inline constexpr std::string_view kIntendedLabel = ",\"t\":";

// The number that eight decimal digits stand for, without a step for each: neighbours are joined to
// pairs, pairs to fours, fours to eight. False if one of them is not a digit.
inline bool EightDigits(const char* text, uint64_t& number) {
  uint64_t word = 0;
  std::memcpy(&word, text, sizeof(word));
  if constexpr (std::endian::native == std::endian::big) return false;
  constexpr uint64_t kHighHalves = 0xF0F0F0F0F0F0F0F0;
  const uint64_t plus_six = word + 0x0606060606060606;
  if (((word & kHighHalves) | ((plus_six & kHighHalves) >> 4)) != 0x3333333333333333) return false;
  word -= 0x3030303030303030;
  word = word * 10 + (word >> 8);
  word = ((word & 0x000000FF000000FF) * 0x000F424000000064 +
          ((word >> 16) & 0x000000FF000000FF) * 0x0000271000000001) >>
         32;
  number = word;
  return true;
}

// Reads `label` and the number after it; returns where they end, or null.
inline const char* TakeNumber(const char* at, const char* end, std::string_view label,
                              uint64_t& number) {
  if (static_cast<size_t>(end - at) <= label.size()) return nullptr;
  if (std::memcmp(at, label.data(), label.size()) != 0) return nullptr;
  at += label.size();
  if (*at < '0' || *at > '9') return nullptr;
  number = 0;
  uint64_t eight = 0;
  while (end - at >= 8 && EightDigits(at, eight)) {
    number = number * 100'000'000 + eight;
    at += 8;
  }
  while (at < end && *at >= '0' && *at <= '9') {
    number = number * 10 + static_cast<uint64_t>(*at++ - '0');
  }
  return at;
}

}  // namespace detail

// Nothing if `data` does not begin with a stamp. In the header because it is most of what a client
// does at ten million events a second.
[[nodiscard]] inline std::optional<Stamp> ParseStamp(std::string_view data) {
  const char* const end = data.data() + data.size();
  Stamp stamp;
  const char* at = detail::TakeNumber(data.data(), end, detail::kSequenceLabel, stamp.sequence);
  if (at == nullptr || stamp.sequence == 0) return std::nullopt;
  at = detail::TakeNumber(at, end, detail::kIntendedLabel, stamp.intended_ns);
  if (at == nullptr) return std::nullopt;
  return stamp;
}

}  // namespace sluice::cli::bench
