#include "config/reader.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/not_built.h"
#include "config/substitute.h"
#include "sluice/base/utf8.h"

namespace sluice::config {
namespace {

constexpr std::string_view kMergeKey = "<<";

std::string_view NameOf(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::kScalar:
      return "a single value";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map (key: value)";
    case YamlNode::Kind::kNull:
      break;
  }
  return "nothing";
}

std::string Join(std::string_view parent, std::string_view key) {
  return parent.empty() ? std::string(key) : fmt::format("{}.{}", parent, key);
}

bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// Merges maps into one: what is written in a map wins over what `<<` brings, and earlier over
// later.
class Merger {
 public:
  Merger(const Value& map, bool fixed_keys, Report& report)
      : map_(map), fixed_keys_(fixed_keys), report_(report) {}

  std::vector<std::pair<std::string_view, Value>> Run() {
    Add(*map_.node, true);
    return std::move(entries_);
  }

 private:
  void Add(const YamlNode& node, bool own) {
    std::vector<const Entry*> merges;
    for (const Entry& entry : node.entries) {
      if (entry.key == kMergeKey) {
        merges.push_back(&entry);
        continue;
      }
      const auto [seen, is_new] = lines_.emplace(entry.key, entry.key_mark.line);
      if (is_new) {
        entries_.emplace_back(entry.key, Value{entry.node.get(), entry.mark, entry.key_mark,
                                               Join(map_.path, Printable(entry.key)),
                                               Join(map_.schema, fixed_keys_ ? Printable(entry.key)
                                                                             : std::string("*"))});
      } else if (own) {
        report_.Add(entry.key_mark, Join(map_.path, Printable(entry.key)),
                    fmt::format("duplicate key; it is already on line {}", seen->second));
      }
    }
    for (const Entry* merge : merges) Merge(*merge);
  }

  void Merge(const Entry& merge) {
    std::vector<const YamlNode*> sources;
    if (merge.node->kind == YamlNode::Kind::kList) {
      for (const Entry& item : merge.node->entries) sources.push_back(item.node.get());
    } else {
      sources.push_back(merge.node.get());
    }
    for (const YamlNode* source : sources) {
      if (source->kind == YamlNode::Kind::kMap) {
        Add(*source, false);
      } else {
        report_.Add(merge.key_mark, Join(map_.path, kMergeKey),
                    "merges a map or a list of maps, nothing else");
      }
    }
  }

  const Value& map_;
  bool fixed_keys_;
  Report& report_;
  std::map<std::string_view, uint32_t> lines_;
  std::vector<std::pair<std::string_view, Value>> entries_;
};

}  // namespace

void Reader::Fail(const Value& value, std::string message) {
  report_.Add(value.place(), value.path, std::move(message));
}

void Reader::FailAtKey(const Value& value, std::string message) {
  report_.Add(value.key_mark, value.path, std::move(message));
}

void Reader::FailQuoting(const Value& value, std::string_view what) {
  Fail(value, fmt::format("{} {}", Quote(value.node->text), what));
}

bool Reader::FailNotBuilt(const Value& value, std::string_view key) {
  const std::optional<std::string_view> what = NotBuilt(key);
  if (what) Fail(value, fmt::format("not built yet: {}", *what));
  return what.has_value();
}

bool Reader::Expect(const Value& value, YamlNode::Kind kind) {
  if (value.node->kind == kind) return true;
  if (value.node->kind == YamlNode::Kind::kNull) {
    FailAtKey(value, "has no value; give it one or remove the key");
  } else {
    Fail(value, fmt::format("must be {}, and is {}", NameOf(kind), NameOf(value.node->kind)));
  }
  return false;
}

std::optional<std::string> Reader::Text(const Value& value) {
  if (!Expect(value, YamlNode::Kind::kScalar)) return std::nullopt;
  tl::expected<std::string, std::string> text = Substitute(value.node->text, env_);
  if (!text) {
    Fail(value, std::move(text.error()));
    return std::nullopt;
  }
  if (HasControlCharacter(*text) || !IsValidUtf8(*text)) {
    FailQuoting(value, "holds a line break, another control character or bytes that are not UTF-8");
    return std::nullopt;
  }
  return std::move(*text);
}

std::optional<std::string> Reader::Block(const Value& value) {
  if (!Expect(value, YamlNode::Kind::kScalar)) return std::nullopt;
  tl::expected<std::string, std::string> text = Substitute(value.node->text, env_);
  if (text) return std::move(*text);
  Fail(value, std::move(text.error()));
  return std::nullopt;
}

std::optional<uint64_t> Reader::Quantity(const Value& value, Unit unit, Range range) {
  const std::optional<std::string> text = Text(value);
  if (!text) return std::nullopt;
  const tl::expected<uint64_t, std::string> number = ParseQuantity(unit, *text, range);
  if (!number) {
    FailQuoting(value, number.error());
    return std::nullopt;
  }
  return *number;
}

std::optional<size_t> Reader::Choice(const Value& value,
                                     const std::vector<std::string_view>& names) {
  const std::optional<std::string> text = Text(value);
  if (!text) return std::nullopt;
  const auto found = std::find(names.begin(), names.end(), *text);
  if (found != names.end()) return static_cast<size_t>(found - names.begin());
  if (FailNotBuilt(value, fmt::format("{}: {}", value.schema, *text))) return std::nullopt;
  FailQuoting(value, fmt::format("is not one of: {}{}", fmt::join(names, ", "),
                                 DidYouMean(value.node->text, names)));
  return std::nullopt;
}

std::vector<std::pair<std::string_view, Value>> Reader::Entries(const Value& map, bool fixed_keys) {
  if (!Expect(map, YamlNode::Kind::kMap)) return {};
  return Merger(map, fixed_keys, report_).Run();
}

void Reader::Map(const Value& value, const std::function<void(Section&)>& read) {
  if (!Expect(value, YamlNode::Kind::kMap)) return;
  Section section(*this, value);
  read(section);
  section.ReportUnknown();
}

void Reader::Names(const Value& value,
                   const std::function<void(const std::string& name, const Value&)>& read) {
  for (const auto& [name, entry] : Entries(value, false)) read(std::string(name), entry);
}

void Reader::List(const Value& value, const std::function<void(const Value&)>& read) {
  if (!Expect(value, YamlNode::Kind::kList)) return;
  size_t index = 0;
  for (const Entry& item : value.node->entries) {
    read(Value{item.node.get(), item.mark, item.key_mark, fmt::format("{}[{}]", value.path, index),
               value.schema + "[]"});
    ++index;
  }
}

void Reader::Note(const Value& map, std::string_view key, bool there) {
  if (absent_ == nullptr) return;
  const std::string schema = Join(map.schema, key);
  if (there) {
    absent_->erase(schema);
    present_.insert(schema);
  } else if (!present_.contains(schema)) {
    absent_->insert(schema);
  }
}

Section::Section(Reader& reader, const Value& map)
    : reader_(reader), map_(map), entries_(reader.Entries(map, true)) {}

const Value* Section::Find(std::string_view key) {
  known_.push_back(key);
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& entry) { return entry.first == key; });
  const bool there = found != entries_.end();
  reader_.Note(map_, key, there);
  return there ? &found->second : nullptr;
}

const Value* Section::Require(std::string_view key, std::string_view why) {
  const Value* value = Find(key);
  if (value == nullptr) {
    reader_.report_.Add(map_.key_mark, Join(map_.path, key), fmt::format("is missing{}", why));
  }
  return value;
}

const Value* Section::Text(std::string_view key, std::string& out) {
  const Value* value = Find(key);
  if (value == nullptr) return nullptr;
  std::optional<std::string> text = reader_.Text(*value);
  if (!text) return nullptr;
  out = std::move(*text);
  return value;
}

void Section::Map(std::string_view key, const std::function<void(Section&)>& read) {
  const Value* value = Find(key);
  if (value != nullptr) reader_.Map(*value, read);
}

std::optional<size_t> Section::ChoiceIndex(std::string_view key,
                                           const std::vector<std::string_view>& names) {
  const Value* value = Find(key);
  return value != nullptr ? reader_.Choice(*value, names) : std::nullopt;
}

void Section::ReportUnknown() {
  for (const auto& [key, value] : entries_) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    if (const auto what = NotBuilt(value.schema)) {
      reader_.FailAtKey(value, fmt::format("not built yet: {}", *what));
    } else {
      reader_.FailAtKey(value, "unknown key" + DidYouMean(key, known_));
    }
  }
}

}  // namespace sluice::config
