#include "sluice/http/query.h"

#include <algorithm>
#include <cstddef>

#include "http/text.h"

namespace sluice::http {
namespace {

void Decode(std::string& out, std::string_view raw) {
  out.clear();
  for (size_t i = 0; i < raw.size(); ++i) {
    const char c = raw[i];
    if (c == '+') {
      out += ' ';
      continue;
    }
    if (c == '%' && raw.size() - i > 2) {
      const int high = HexDigit(raw[i + 1]);
      const int low = HexDigit(raw[i + 2]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    out += c;
  }
}

}  // namespace

std::string DecodeQuery(std::string_view raw) {
  std::string decoded;
  Decode(decoded, raw);
  return decoded;
}

std::string EncodeQuery(std::string_view text) {
  constexpr std::string_view kUnreserved = "-._~";
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (IsAlphanumeric(c) || kUnreserved.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 0xF];
  }
  return out;
}

bool QueryReader::Next() {
  while (!rest_.empty()) {
    const std::string_view pair = rest_.substr(0, rest_.find('&'));
    rest_.remove_prefix(std::min(pair.size() + 1, rest_.size()));
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    Decode(name_, pair.substr(0, equals));
    Decode(value_, equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1));
    return true;
  }
  return false;
}

std::optional<std::string> FindQuery(std::string_view raw, std::string_view name) {
  QueryReader reader(raw);
  while (reader.Next()) {
    if (reader.name() == name) return reader.value();
  }
  return std::nullopt;
}

}  // namespace sluice::http
