// A YAML document as a tree of our own. yaml-cpp is behind this file alone: what it lets pass (an
// open quote at the end of the file, a second document, tags) is refused here, and its recursion
// and its aliases are bounded.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/report.h"

namespace sluice::config {

struct YamlNode;

// A value in a map or a list, and where it is written. For an alias that is the place of the
// `*name`, while what is inside the node has the marks of the anchor.
struct Entry {
  std::string key;  // empty in a list
  Mark key_mark;    // in a list: the value's
  Mark mark;
  std::shared_ptr<const YamlNode> node;  // shared by all aliases of one anchor; immutable
};

struct YamlNode {
  enum class Kind : uint8_t { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  std::string text;            // of a scalar, without its quotes
  std::vector<Entry> entries;  // as written: duplicate keys and `<<` are the reader's business
  uint32_t size = 1;           // nodes in this subtree, aliases expanded
  uint32_t height = 1;         // levels of this subtree
};

// Limits of a document, aliases expanded.
inline constexpr uint32_t kMaxNodes = 100'000;
inline constexpr uint32_t kMaxDepth = 32;

// The root, or null after at least one problem was added to `report`.
[[nodiscard]] std::shared_ptr<const YamlNode> ParseYaml(std::string_view text, Report& report);

}  // namespace sluice::config
