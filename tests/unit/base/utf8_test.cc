#include "sluice/base/utf8.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "support/sse_decoder.h"

namespace sluice {
namespace {

using namespace std::string_literals;
using testing::DecodeUtf8;

std::string Repaired(std::string_view bytes) {
  std::string out = "<";
  AppendUtf8(out, bytes);
  return out.substr(1);
}

TEST(Utf8Test, ValidTextIsAppendedAsItIs) {
  for (const std::string& text :
       {""s, "plain"s, "\0nul"s, "\x7F"s, "\u0080\u07FF\u0800\uD7FF\uE000\uFFFF"s,
        "\U00010000\U0010FFFF"s, "\uFEFFmark"s, std::string(1000, 'x') + "\u20AC"}) {
    EXPECT_TRUE(IsValidUtf8(text)) << text;
    EXPECT_EQ(Repaired(text), text);
  }
}

TEST(Utf8Test, EachMaximalSubpartBecomesOneReplacement) {
  const std::string r = "\uFFFD";
  struct Case {
    std::string bytes, repaired;
  };
  // The last three are from chapter 3.9 of the Unicode Standard, tables 3-8 to 3-11.
  for (const auto& [bytes, repaired] : {
           Case{"\x80"s, r},
           Case{"\xC0\xAF"s, r + r},
           Case{"\xC2"s, r},
           Case{"a\xC2z"s, "a" + r + "z"},
           Case{"\xE2\x82"s, r},
           Case{"\xE2\x82\xE2\x82\xAC"s, r + "\u20AC"},
           Case{"\xF0\x9F\x98"s, r},
           Case{"\xF5\x80\x80\x80"s, r + r + r + r},
           Case{"\xFF\xFE"s, r + r},
           Case{"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"s, r + r + r + r + r + r + r + r + "A"},
           Case{"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"s, r + r + r + r + r + r + r + r + "A"},
           Case{"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"s, r + r + r + r + r + "A" + r + r + "B"},
           Case{"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"s, r + r + r + r + "A"},
       }) {
    EXPECT_FALSE(IsValidUtf8(bytes));
    EXPECT_EQ(Repaired(bytes), repaired);
    EXPECT_EQ(DecodeUtf8(bytes), repaired) << "the judge is wrong";
  }
}

// All sequences of up to three bytes taken from each side of every limit of table 3-7, at the start
// and behind a block of ASCII.
TEST(Utf8Test, AgreesWithTheWhatwgDecoder) {
  const std::string edges =
      "\0\x41\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC1\xC2\xDF\xE0\xE1\xEC\xED\xEE\xEF\xF0\xF1\xF3\xF4\xF5\xFF"s;
  const std::string ascii(40, 'a');
  size_t checked = 0;
  const auto check = [&](const std::string& bytes) {
    ASSERT_EQ(Repaired(bytes), DecodeUtf8(bytes));
    ASSERT_EQ(Repaired(ascii + bytes), ascii + DecodeUtf8(bytes));
    ASSERT_EQ(IsValidUtf8(bytes), DecodeUtf8(bytes) == bytes);
    ++checked;
  };
  for (const char a : edges) {
    check({a});
    for (const char b : edges) {
      check({a, b});
      for (const char c : edges) {
        check({a, b, c});
        check({'\xF1', a, b, c});
      }
    }
  }
  EXPECT_EQ(checked, edges.size() * (1 + edges.size() * (1 + 2 * edges.size())));
}

TEST(Utf8Test, FirstCharacterIsMeasured) {
  EXPECT_EQ(Utf8CharacterLength("ab"), 1U);
  EXPECT_EQ(Utf8CharacterLength("\u20ACx"), 3U);
  EXPECT_EQ(Utf8CharacterLength("\xE2\x82"), 0U);
  EXPECT_EQ(Utf8CharacterLength("\x80"), 0U);
}

TEST(Utf8Test, CutNeverDividesACharacter) {
  EXPECT_EQ(CutUtf8("abc", 3), "abc");
  EXPECT_EQ(CutUtf8("abcd", 3), "abc");
  EXPECT_EQ(CutUtf8("ab\u20AC", 2), "ab");
  EXPECT_EQ(CutUtf8("ab\u20AC", 3), "ab");
  EXPECT_EQ(CutUtf8("ab\u20AC", 4), "ab");
  EXPECT_EQ(CutUtf8("ab\u20AC", 5), "ab\u20AC");
  EXPECT_EQ(CutUtf8("\U0001F600x", 3), "");
  EXPECT_EQ(CutUtf8("\U0001F600x", 4), "\U0001F600");
  EXPECT_EQ(CutUtf8("", 0), "");
  EXPECT_EQ(CutUtf8("x", 0), "");
  EXPECT_EQ(CutUtf8("\x80\x80\x80\x80\x80\x80", 4), "\x80\x80\x80\x80") << "no character to spare";
}

}  // namespace
}  // namespace sluice
