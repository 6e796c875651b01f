#include "config/yaml.h"

#include <algorithm>
#include <array>
#include <exception>
#include <optional>
#include <sstream>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "config/source_text.h"

namespace sluice::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Thrown through yaml-cpp to stop it, and caught in ParseYaml.
struct Refused : std::exception {
  Refused(Mark where, std::string what) : mark(where), message(std::move(what)) {}
  Mark mark;
  std::string message;
};

Mark ToMark(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {static_cast<uint32_t>(mark.line) + 1, static_cast<uint32_t>(mark.column) + 1};
}

// Builds the tree from yaml-cpp's events, so that depth and size are checked before it goes deeper.
class Builder : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (root_ != nullptr) throw Refused(ToMark(mark), "a second document; the file must hold one");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    // yaml-cpp gives the place of what comes next; that may be lines below.
    const bool in_list = !open_.empty() && open_.back().node->kind == YamlNode::Kind::kList;
    Place(in_list ? open_.back().mark : ToMark(mark), anchor, std::make_shared<YamlNode>());
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    RefuseTag(mark, tag);
    if (tag == "!") last_quoted_ = mark;
    if (WantsKey()) {
      key_ = Key{value, ToMark(mark)};
      return;
    }
    auto node = std::make_shared<YamlNode>();
    node->kind = YamlNode::Kind::kScalar;
    node->text = value;
    Place(ToMark(mark), anchor, std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Refused(ToMark(mark), "an alias inside its own anchor");
    Place(ToMark(mark), YAML::NullAnchor, found->second);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    Open(YamlNode::Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    Open(YamlNode::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { Close(); }

  [[nodiscard]] const std::shared_ptr<const YamlNode>& root() const { return root_; }
  // Where the last quoted or block scalar begins.
  [[nodiscard]] const std::optional<YAML::Mark>& last_quoted() const { return last_quoted_; }

 private:
  struct Key {
    std::string text;
    Mark mark;
  };
  // A list or map whose end has not come yet.
  struct Unfinished {
    std::shared_ptr<YamlNode> node;
    Mark mark;
    YAML::anchor_t anchor;
    std::optional<Key> key;  // under which it will be placed
  };

  static void RefuseTag(const YAML::Mark& mark, const std::string& tag) {
    if (tag != "?" && tag != "!" && !tag.empty()) {
      throw Refused(ToMark(mark), "tags such as !!int are not supported");
    }
  }

  [[nodiscard]] bool WantsKey() const {
    return !open_.empty() && open_.back().node->kind == YamlNode::Kind::kMap && !key_;
  }

  void Open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor) {
    RefuseTag(mark, tag);
    RefuseAsKey(ToMark(mark));
    CheckDepth(ToMark(mark), 1);
    auto node = std::make_shared<YamlNode>();
    node->kind = kind;
    open_.push_back({std::move(node), ToMark(mark), anchor, std::exchange(key_, std::nullopt)});
  }

  void Close() {
    Unfinished done = std::move(open_.back());
    open_.pop_back();
    key_ = std::move(done.key);
    Place(done.mark, done.anchor, std::move(done.node));
  }

  // Puts a complete node where the document is now.
  void Place(Mark mark, YAML::anchor_t anchor, std::shared_ptr<const YamlNode> node) {
    RefuseAsKey(mark);
    CheckDepth(mark, node->height);
    if (anchor != YAML::NullAnchor) anchors_[anchor] = node;
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    YamlNode& parent = *open_.back().node;
    parent.size += node->size;
    parent.height = std::max(parent.height, node->height + 1);
    if (++placed_ > kMaxNodes || parent.size > kMaxNodes) {
      throw Refused(mark, fmt::format("the file holds more than {} values", kMaxNodes));
    }
    Entry entry;
    entry.key_mark = key_ ? key_->mark : mark;
    if (key_) entry.key = std::move(key_->text);
    entry.mark = mark;
    entry.node = std::move(node);
    key_.reset();
    parent.entries.push_back(std::move(entry));
  }

  void RefuseAsKey(Mark mark) const {
    if (WantsKey()) throw Refused(mark, "a key must be text; or a [ or { is never closed");
  }

  void CheckDepth(Mark mark, uint32_t height) const {
    if (open_.size() + height > kMaxDepth) {
      throw Refused(mark, fmt::format("nested deeper than {} levels", kMaxDepth));
    }
  }

  std::shared_ptr<const YamlNode> root_;
  std::vector<Unfinished> open_;
  std::optional<Key> key_;  // read, its value not yet
  uint32_t placed_ = 0;     // so many nodes are in memory
  std::unordered_map<YAML::anchor_t, std::shared_ptr<const YamlNode>> anchors_;
  std::optional<YAML::Mark> last_quoted_;
};

// Says what yaml-cpp's terse messages usually mean.
std::string Explain(const YAML::ParserException& error) {
  struct Hint {
    const char* message;
    const char* meaning;
  };
  static const std::array kHints = {
      Hint{YAML::ErrorMsg::MAP_VALUE,
           "\": \" is not possible here; quote the value, or check the indentation"},
      Hint{YAML::ErrorMsg::END_OF_MAP, "no \"key: value\" here; check the indentation and quotes"},
      Hint{YAML::ErrorMsg::END_OF_SEQ, "no \"- value\" here; check the indentation and quotes"},
      Hint{YAML::ErrorMsg::END_OF_MAP_FLOW,
           "\",\" or \"}\" is missing; between { and } quote values with any of {}[],"},
      Hint{YAML::ErrorMsg::END_OF_SEQ_FLOW,
           "\",\" or \"]\" is missing; between [ and ] quote values with any of {}[],"},
      Hint{YAML::ErrorMsg::FLOW_END, "] or } closes nothing that is open here"},
      Hint{YAML::ErrorMsg::BLOCK_ENTRY,
           "\"- \" is not possible here; begin the list on its own line"},
      Hint{YAML::ErrorMsg::UNKNOWN_TOKEN, "a value cannot begin like this; quote it"},
      Hint{YAML::ErrorMsg::UNKNOWN_ANCHOR,
           "no such anchor above; a value that begins with * must be quoted"},
      Hint{YAML::ErrorMsg::EOF_IN_SCALAR, "the file ends inside a quoted value"},
  };
  for (const Hint& hint : kHints) {
    if (error.msg == hint.message) return hint.meaning;
  }
  return Printable(error.msg);  // may quote a byte of the file, or of what is behind its end
}

}  // namespace

std::shared_ptr<const YamlNode> ParseYaml(std::string_view text, Report& report) {
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    text.remove_prefix(kByteOrderMark.size());
  }
  if (!CheckSourceText(text, report)) return nullptr;
  Builder builder;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    const std::optional<YAML::Mark>& last = builder.last_quoted();
    if (last && EndsInsideQuotes(text, static_cast<size_t>(last->pos))) {
      throw Refused(ToMark(*last), "the quote that begins here is never closed");
    }
    if (builder.root() == nullptr || builder.root()->kind == YamlNode::Kind::kNull) {
      throw Refused({1, 1}, "the file is empty");
    }
    return builder.root();
  } catch (const Refused& refused) {
    report.Add(refused.mark, "", refused.message);
  } catch (const YAML::ParserException& error) {
    report.Add(ToMark(error.mark), "", "syntax error: " + Explain(error));
  } catch (const std::exception& error) {
    report.Add({}, "", fmt::format("cannot be read as YAML: {}", error.what()));
  }
  return nullptr;
}

}  // namespace sluice::config
