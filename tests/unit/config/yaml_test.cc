#include "config/yaml.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::config {
namespace {

// The tree on one line, each value with its place.
std::string Show(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "null";
    case YamlNode::Kind::kScalar:
      return "'" + node.text + "'";
    case YamlNode::Kind::kList:
    case YamlNode::Kind::kMap:
      break;
  }
  std::string text;
  for (const Entry& entry : node.entries) {
    if (!text.empty()) text += " ";
    if (node.kind == YamlNode::Kind::kMap) {
      text += std::to_string(entry.key_mark.line) + ":" + std::to_string(entry.key_mark.column) +
              " " + entry.key + "=";
    }
    text += std::to_string(entry.mark.line) + ":" + std::to_string(entry.mark.column) + " " +
            Show(*entry.node);
  }
  return node.kind == YamlNode::Kind::kMap ? "{" + text + "}" : "[" + text + "]";
}

std::string Parse(std::string_view text) {
  Report report("f");
  const auto root = ParseYaml(text, report);
  if (root == nullptr) {
    std::string problems;
    for (const Problem& problem : report.Take()) problems += problem.ToString();
    return problems;
  }
  EXPECT_TRUE(report.empty());
  return Show(*root);
}

TEST(YamlTest, TreeHasTheTextAsWrittenAndItsPlaces) {
  EXPECT_EQ(Parse("# c\na: 010\nb:\n  - x\n  - {k: \"y\", n: ~}\n"),
            "{2:1 a=2:4 '010' 3:1 b=4:3 [4:5 'x' 5:5 {5:6 k=5:9 'y' 5:14 n=5:17 null}]}");
}

TEST(YamlTest, ByteOrderMarkCrLfAndDocumentMarkersAreAccepted) {
  EXPECT_EQ(Parse("\xEF\xBB\xBF"
                  "a: 1\n"),
            "{1:1 a=1:4 '1'}");
  EXPECT_EQ(Parse("a: 1\r\nb: 'x'\r\n"), "{1:1 a=1:4 '1' 2:1 b=2:4 'x'}");
  EXPECT_EQ(Parse("---\na: 1\n...\n"), "{2:1 a=2:4 '1'}");
}

TEST(YamlTest, AliasHasItsOwnPlaceAndTheAnchorsContent) {
  EXPECT_EQ(Parse("a: &x {k: v}\nb: *x\n"),
            "{1:1 a=1:4 {1:8 k=1:11 'v'} 2:1 b=2:4 {1:8 k=1:11 'v'}}");
}

struct Bad {
  std::string text;
  const char* message;
};

TEST(YamlTest, SyntaxErrorsHaveAPlaceAndAHint) {
  const char* key_value = "\": \" is not possible here; quote the value, or check the indentation";
  const std::vector<Bad> cases = {
      {"a: b: c\n", key_value},
      {"a: 1\n  b: 2\n", key_value},
      {"a:\n  b: 1\n c: 2\n", "no \"key: value\" here; check the indentation and quotes"},
      {"a: {p: ${X}}\n",
       "\",\" or \"}\" is missing; between { and } quote values with any of {}[],"},
      {"a: [x\nb: {y\n",
       "\",\" or \"]\" is missing; between [ and ] quote values with any of {}[],"},
      {"a: - b\n", "\"- \" is not possible here; begin the list on its own line"},
      {"a: @b\n", "a value cannot begin like this; quote it"},
      {"a: %b\n", "a value cannot begin like this; quote it"},
      {"a: *b\n", "no such anchor above; a value that begins with * must be quoted"},
      {"a: \"b", "the file ends inside a quoted value"},
      {"a: \"\\q\"\n", "unknown escape character: q"},
      {"a: \"\\", "unknown escape character: \\x04"},  // yaml-cpp's end of file
  };
  for (const Bad& bad : cases) {
    const std::string line = Parse(bad.text);
    EXPECT_THAT(line, ::testing::MatchesRegex("f:[1-9][0-9]*:[1-9][0-9]*: .*")) << bad.text;
    EXPECT_THAT(line, ::testing::EndsWith(std::string(": syntax error: ") + bad.message))
        << bad.text;
  }
}

TEST(YamlTest, WhatYamlCppLetsPassIsRefused) {
  const std::vector<Bad> cases = {
      {"", "f:1:1: the file is empty"},
      {"# nothing\n\n", "f:1:1: the file is empty"},
      {"~\n", "f:1:1: the file is empty"},
      {"---\n...\n", "f:1:1: the file is empty"},
      {"a: 1\n---\nb: 2\n", "f:2:1: a second document; the file must hold one"},
      {"{a: 1} junk\n", "f:1:8: a second document; the file must hold one"},
      {"a: 1\nb: 'x\nc: 2\n", "f:2:4: the quote that begins here is never closed"},
      {"a: 1\r\nb: \"\xC3\xA9\\\"\r\nc: 2\r\n",
       "f:2:4: the quote that begins here is never closed"},
      {"a: &x 'it''s\n", "f:1:4: the quote that begins here is never closed"},
      {"a: !!int \"3\"\n", "f:1:4: tags such as !!int are not supported"},
      {"a: !x {b: c}\n", "f:1:4: tags such as !!int are not supported"},
      {"[a]: 1\n", "f:1:1: a key must be text; or a [ or { is never closed"},
      {"? {a: b}\n: 1\n", "f:1:3: a key must be text; or a [ or { is never closed"},
      {": 1\n", "f:1:1: a key must be text; or a [ or { is never closed"},
      {"a: &x 1\n*x : 2\n", "f:2:1: a key must be text; or a [ or { is never closed"},
      {"a: &x [*x]\n", "f:1:8: an alias inside its own anchor"},
      {"a: 1\nb: \x01\n", "f:2:4: control byte 0x01 in the file"},
      {std::string("a: 1\0\n", 6), "f:1:5: control byte 0x00 in the file"},
      {"a: \xFF\n", "f:1:4: the file is not UTF-8 text"},
      {"a: \xC0\x80\n", "f:1:4: the file is not UTF-8 text"},
      {"a: \xED\xA0\x80\n", "f:1:4: the file is not UTF-8 text"},
      {"a:\n\tb: 1\n", "f:2:1: tab in the indentation; indent with spaces"},
      {"a:\n  \tb: 1\n\tc: 2\n\t# d\n\t\n",
       "f:2:3: tab in the indentation, the first of 2; indent with spaces"},
      {std::string(1024 * 1024 + 1, '#'), "f: the file is larger than 1048576 bytes"},
  };
  for (const Bad& bad : cases) EXPECT_EQ(Parse(bad.text), bad.message) << bad.text.substr(0, 80);
}

std::string Repeat(std::string_view part, size_t times) {
  std::string text;
  for (size_t i = 0; i < times; ++i) text += part;
  return text;
}

TEST(YamlTest, HostileNestingStopsAtTheDepthLimit) {
  const std::string deep = "nested deeper than 32 levels";
  EXPECT_THAT(Parse(Repeat("[", 100'000) + Repeat("]", 100'000)), ::testing::HasSubstr(deep));
  EXPECT_THAT(Parse(Repeat("{a: ", 100'000) + Repeat("}", 100'000)), ::testing::HasSubstr(deep));
  EXPECT_THAT(Parse(Repeat("- ", 100'000)), ::testing::HasSubstr(deep));
}

TEST(YamlTest, NestingThatIsNeverClosedIsRefused) {
  for (const char* part : {"[", "{", "{a: ", "[a: ", "[{", "- ? ", "? - ", ": "}) {
    EXPECT_THAT(Parse(Repeat(part, 100'000)),
                ::testing::MatchesRegex("f:1:[0-9]+: (a key must be text|nested deeper than).*"))
        << part;
  }
}

TEST(YamlTest, DepthLimitIsReachedExactly) {
  const auto nested = [](size_t levels) { return Repeat("[", levels) + Repeat("]", levels); };
  Report report("f");
  const auto root = ParseYaml(nested(kMaxDepth), report);
  ASSERT_NE(root, nullptr);
  EXPECT_EQ(root->height, kMaxDepth);
  EXPECT_EQ(Parse(nested(kMaxDepth + 1)), "f:1:33: nested deeper than 32 levels");
}

TEST(YamlTest, AliasesOfAliasesAreBounded) {
  std::string wide = "a0: &a0 [x]\n";
  std::string deep = "a0: &a0 [x]\n";
  for (int i = 1; i < 100; ++i) {
    const std::string name = "a" + std::to_string(i);
    const std::string previous = "*a" + std::to_string(i - 1);
    wide += name + ": &" + name + " [" + Repeat(previous + ",", 10) + "]\n";
    deep += name + ": &" + name + " [" + previous + "]\n";
  }
  EXPECT_THAT(Parse(wide), ::testing::HasSubstr("the file holds more than 100000 values"));
  EXPECT_THAT(Parse(deep), ::testing::HasSubstr("nested deeper than 32 levels"));
}

TEST(YamlTest, NumberOfValuesIsBounded) {
  Report report("f");
  const auto root = ParseYaml(Repeat("- a\n", kMaxNodes - 1), report);
  ASSERT_NE(root, nullptr);
  EXPECT_EQ(root->size, kMaxNodes);
  EXPECT_EQ(Parse(Repeat("- a\n", kMaxNodes)),
            "f:100000:3: the file holds more than 100000 values");
}

}  // namespace
}  // namespace sluice::config
