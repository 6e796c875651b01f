// The strict reader over the tree of a document: every value has a type, every key is known, and
// each mistake is reported with its place and key path while the reading goes on.
#pragma once

#include <cassert>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/quantity.h"
#include "config/report.h"
#include "config/yaml.h"
#include "sluice/config/load.h"

namespace sluice::config {

// A value of the document with its place and its names. Borrows from the tree.
struct Value {
  const YamlNode* node = nullptr;
  Mark mark;
  Mark key_mark;
  std::string path;    // "topics.news.path", "listen[0]"
  std::string schema;  // "topics.*.path", "listen[]": the same for all values of a kind

  // What a message about it points to: a map or list is found by its key.
  [[nodiscard]] Mark place() const {
    return node->kind == YamlNode::Kind::kScalar ? mark : key_mark;
  }
};

class Section;

class Reader {
 public:
  // `absent`, if given, gets the schema of each key that was asked for and is nowhere in the
  // document.
  Reader(Report& report, const EnvLookup& env, std::set<std::string>* absent = nullptr)
      : report_(report), env_(env), absent_(absent) {}

  // The configuration's file, as it was named.
  [[nodiscard]] const std::string& file() const { return report_.file(); }

  // Something is wrong with this value.
  void Fail(const Value& value, std::string message);
  void FailAtKey(const Value& value, std::string message);
  // "VALUE what", with the value as it is written, so that no variable's content is shown.
  void FailQuoting(const Value& value, std::string_view what);
  // Fails with what NotBuilt says about `key`, if anything.
  [[nodiscard]] bool FailNotBuilt(const Value& value, std::string_view key);

  // Text without control characters, with variables replaced; null after a failure.
  [[nodiscard]] std::optional<std::string> Text(const Value& value);
  // The same for keys and secrets: line breaks are allowed, and no message quotes it.
  [[nodiscard]] std::optional<std::string> Block(const Value& value);
  [[nodiscard]] std::optional<uint64_t> Quantity(const Value& value, Unit unit, Range range);
  // The index of the value among `names`; null after a failure.
  [[nodiscard]] std::optional<size_t> Choice(const Value& value,
                                             const std::vector<std::string_view>& names);
  // A map with fixed keys: `read` asks for them; then the others are reported as unknown.
  void Map(const Value& value, const std::function<void(Section&)>& read);
  // A map whose keys are names.
  void Names(const Value& value,
             const std::function<void(const std::string& name, const Value&)>& read);
  void List(const Value& value, const std::function<void(const Value&)>& read);

 private:
  friend class Section;

  [[nodiscard]] bool Expect(const Value& value, YamlNode::Kind kind);
  // The map's values with merge keys (`<<`) resolved; reports duplicates.
  [[nodiscard]] std::vector<std::pair<std::string_view, Value>> Entries(const Value& map,
                                                                        bool fixed_keys);

  // A key was asked for, and is there or not.
  void Note(const Value& map, std::string_view key, bool there);

  Report& report_;
  const EnvLookup& env_;
  std::set<std::string>* absent_;
  std::set<std::string> present_;  // kept only to fill in *absent_
};

// One map with fixed keys while it is read. A key that is absent leaves its target at the default.
class Section {
 public:
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;
  ~Section() = default;

  [[nodiscard]] Reader& reader() { return reader_; }
  // The value of `key`, or null if it is absent. `key` is a literal.
  [[nodiscard]] const Value* Find(std::string_view key);
  // The same, but absence is a problem; `why` ends the sentence "is missing".
  [[nodiscard]] const Value* Require(std::string_view key, std::string_view why = "");

  template <class T>
  void Count(std::string_view key, T& out, Range range) {
    Quantity(key, Unit::kCount, out, range);
  }
  template <class T>
  void Duration(std::string_view key, T& out_ms, Range range_ms) {
    Quantity(key, Unit::kDuration, out_ms, range_ms);
  }
  template <class T>
  void Size(std::string_view key, T& out_bytes, Range range) {
    Quantity(key, Unit::kSize, out_bytes, range);
  }
  template <class T>
  void Choice(std::string_view key, T& out,
              std::initializer_list<std::pair<std::string_view, T>> choices) {
    std::vector<std::string_view> names;
    for (const auto& choice : choices) names.push_back(choice.first);
    const std::optional<size_t> index = ChoiceIndex(key, names);
    if (index) out = (choices.begin() + *index)->second;
  }
  void Bool(std::string_view key, bool& out) {
    Choice<bool>(key, out, {{"true", true}, {"false", false}});
  }
  // on and off, or true and false.
  void Switch(std::string_view key, bool& out) {
    Choice<bool>(key, out, {{"on", true}, {"off", false}, {"true", true}, {"false", false}});
  }
  // The value whose text is in `out` now; null if the key is absent or after a failure.
  const Value* Text(std::string_view key, std::string& out);
  void Map(std::string_view key, const std::function<void(Section&)>& read);

 private:
  friend class Reader;

  Section(Reader& reader, const Value& map);
  void ReportUnknown();

  template <class T>
  void Quantity(std::string_view key, Unit unit, T& out, Range range) {
    assert(range.max <= std::numeric_limits<T>::max());
    const Value* value = Find(key);
    if (value == nullptr) return;
    const std::optional<uint64_t> number = reader_.Quantity(*value, unit, range);
    if (number) out = static_cast<T>(*number);
  }
  [[nodiscard]] std::optional<size_t> ChoiceIndex(std::string_view key,
                                                  const std::vector<std::string_view>& names);

  Reader& reader_;
  const Value& map_;
  std::vector<std::pair<std::string_view, Value>> entries_;
  std::vector<std::string_view> known_;
};

}  // namespace sluice::config
