#include "config/read_forwarding.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr size_t kMaxRanges = 256;
constexpr uint8_t kMappedBits = 96;  // ::ffff:0:0/96 (RFC 4291 2.5.5.2)

// The address with its bits after the first `bits` cleared.
std::array<uint8_t, 16> Masked(std::array<uint8_t, 16> address, uint32_t bits) {
  for (uint32_t i = 0; i < 16; ++i) {
    const uint32_t kept = std::clamp<uint32_t>(bits, i * 8, i * 8 + 8) - i * 8;
    address[i] &= static_cast<uint8_t>(0xFF00U >> kept);
  }
  return address;
}

// "10.0.0.0/8", "2001:db8::/32", or an address alone.
std::optional<AddressRange> ParseRange(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  AddressRange range;
  in_addr v4{};
  const bool is_v4 = inet_pton(AF_INET, address.c_str(), &v4) == 1;
  if (is_v4) {
    range.base[10] = range.base[11] = 0xFF;
    const auto* bytes = reinterpret_cast<const uint8_t*>(&v4);
    std::copy_n(bytes, sizeof v4, range.base.begin() + 12);
  } else if (inet_pton(AF_INET6, address.c_str(), range.base.data()) != 1) {
    return std::nullopt;
  }
  if (slash == std::string_view::npos) return range;
  const auto bits =
      ParseQuantity(Unit::kCount, text.substr(slash + 1), {0, is_v4 ? uint64_t{32} : 128});
  if (!bits) return std::nullopt;
  range.bits = static_cast<uint8_t>(*bits + (is_v4 ? kMappedBits : 0));
  return range;
}

void ReadRange(Reader& reader, const Value& value, std::vector<AddressRange>& out) {
  const std::optional<std::string> text = reader.Text(value);
  if (!text) return;
  std::optional<AddressRange> range;
  if (*text == "unix") {
    range = AddressRange{.base = {}, .bits = 0, .unix_sockets = true};
  } else {
    range = ParseRange(*text);
  }
  if (!range) {
    return reader.FailQuoting(
        value, "is not an address such as 192.0.2.1 or ::1, a range such as 10.0.0.0/8, or unix");
  }
  if (Masked(range->base, range->bits) != range->base) {
    return reader.FailQuoting(value, "has bits behind its prefix: they would count for nothing");
  }
  if (std::find(out.begin(), out.end(), *range) != out.end()) {
    return reader.FailQuoting(value, "is in the list already");
  }
  out.push_back(*range);
}

}  // namespace

void ReadForwarding(Section& section, Forwarding& out) {
  Reader& reader = section.reader();
  const Value* trusted = section.Find("trusted_proxies");
  if (trusted != nullptr) {
    reader.List(*trusted, [&](const Value& item) { ReadRange(reader, item, out.trusted_proxies); });
    if (out.trusted_proxies.size() > kMaxRanges) {
      reader.Fail(*trusted, fmt::format("has {} entries; {} is the most",
                                        out.trusted_proxies.size(), kMaxRanges));
    }
  }
  section.Switch("via", out.via);
  section.Switch("forwarded", out.forwarded);
}

}  // namespace sluice::config
