#include "config/read_headers.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr size_t kMaxNameBytes = 128;
constexpr size_t kMaxValueBytes = 4096;
constexpr size_t kMaxFields = 64;

// Framing and hop-by-hop fields: the gateway writes its own on each side (RFC 9110 7.6.1).
constexpr std::array<std::string_view, 11> kConnectionFields = {
    "connection", "content-length",   "expect", "http2-settings",
    "keep-alive", "proxy-connection", "te",     "transfer-encoding",
    "trailer",    "trailers",         "upgrade"};

bool IsTokenByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// What is wrong with it, as the end of a sentence that begins with the name; empty: nothing.
std::string_view FaultOf(std::string_view lower_name) {
  if (lower_name.size() > kMaxNameBytes || !IsToken(lower_name)) {
    return "is not the name of a header field";
  }
  if (lower_name == "host") return "is changed by the route's `host` alone";
  const bool own = std::find(kConnectionFields.begin(), kConnectionFields.end(), lower_name) !=
                   kConnectionFields.end();
  return own ? "is about one connection or the message's framing: it is the gateway's own" : "";
}

bool Has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void CheckCount(Reader& reader, const Value& value, size_t count) {
  if (count <= kMaxFields) return;
  reader.Fail(value, fmt::format("has {} fields; {} is the most", count, kMaxFields));
}

// The value as it can stand in a head; null after a failure.
std::optional<std::string> ReadFieldValue(Reader& reader, const Value& value) {
  std::optional<std::string> text = reader.Text(value);
  if (!text) return std::nullopt;
  if (text->empty()) {
    reader.Fail(value, "is empty; to send no such field, name it under `remove`");
    return std::nullopt;
  }
  if (text->size() > kMaxValueBytes) {
    reader.Fail(value, fmt::format("has {} bytes; {} is the most", text->size(), kMaxValueBytes));
    return std::nullopt;
  }
  if (text->front() == ' ' || text->back() == ' ') {
    reader.FailQuoting(value, "begins or ends with a space, which no field's value can");
    return std::nullopt;
  }
  return text;
}

}  // namespace

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenByte);
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

void ReadFieldNames(Reader& reader, const Value& value, std::vector<std::string>& out) {
  reader.List(value, [&](const Value& item) {
    const std::optional<std::string> text = reader.Text(item);
    if (!text) return;
    std::string name = LowerCase(*text);
    const std::string_view fault = Has(out, name) ? "is in the list already" : FaultOf(name);
    if (!fault.empty()) return reader.FailQuoting(item, fault);
    out.push_back(std::move(name));
  });
  CheckCount(reader, value, out.size());
}

void ReadHeaderEdits(Section& route, std::string_view key, HeaderEdits& out) {
  route.Map(key, [&](Section& edits) {
    Reader& reader = edits.reader();
    std::vector<std::string> names;
    const Value* set = edits.Find("set");
    if (set != nullptr) {
      reader.Names(*set, [&](const std::string& name, const Value& value) {
        const std::string lower = LowerCase(name);
        const std::string_view fault = Has(names, lower) ? "is set already" : FaultOf(lower);
        if (!fault.empty()) {
          return reader.FailAtKey(value, fmt::format("{} {}", Quote(name), fault));
        }
        names.push_back(lower);
        std::optional<std::string> text = ReadFieldValue(reader, value);
        if (text) out.set.emplace_back(name, std::move(*text));
      });
      CheckCount(reader, *set, out.set.size());
    }
    const Value* remove = edits.Find("remove");
    if (remove == nullptr) return;
    ReadFieldNames(reader, *remove, out.remove);
    for (const std::string& name : out.remove) {
      if (!Has(names, name)) continue;
      reader.Fail(*remove,
                  fmt::format("has {}, which `set` sets: it replaces what is there", Quote(name)));
    }
  });
}

}  // namespace sluice::config
