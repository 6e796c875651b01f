#include "pubsub/json_reader.h"

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sluice::pubsub {
namespace {

using namespace std::string_literals;

bool Accepts(JsonReader& reader, std::string_view text) {
  return reader.Read(text, {}, {}).has_value();
}

std::string Complaint(std::string_view text) {
  JsonReader reader;
  const auto read = reader.Read(text, {}, {});
  return read ? "accepted" : read.error().message;
}

std::string Nested(size_t depth, const std::string& open, const std::string& inner,
                   const std::string& close) {
  std::string text;
  for (size_t i = 0; i < depth; ++i) text += open;
  text += inner;
  for (size_t i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(JsonReaderTest, AcceptsWhatRfc8259Allows) {
  JsonReader reader;
  for (const std::string& text :
       {"{}"s,
        "[]"s,
        "0"s,
        "-0"s,
        "1.5e+10"s,
        "true"s,
        "false"s,
        "null"s,
        "\"\""s,
        "\" \""s,
        " \t\r\n[ 1 , 2 ]\n"s,
        R"({"a":{"b":[{}, [], "x", -1.0E-2]}})"s,
        R"(["\"\\\/\b\f\n\r\t\u00e9"])"s,
        "[\"\u20AC\U0001F600\x7F\"]"s,
        R"(["a\"",":",",","]","\\"])"s,
        R"({"":0," ":1,"a\"b":2})"s,
        "[1e400,-1e400,123456789012345678901234567890,0.00000000000000000000000000001]"s,
        std::string(5000, '9'),
        "[" + std::string(5000, '9') + "]",
        R"(["\ud800"])"s,
        R"("\udc00")"s,
        R"({"a":1,"a":2})"s}) {
    EXPECT_TRUE(Accepts(reader, text)) << text;
  }
}

TEST(JsonReaderTest, RefusesWhatItDoesNot) {
  JsonReader reader;
  for (const std::string& text : {""s,
                                  " "s,
                                  "{"s,
                                  "}"s,
                                  "["s,
                                  "]"s,
                                  "[1"s,
                                  "1]"s,
                                  "[1,"s,
                                  "[,1]"s,
                                  "[1,]"s,
                                  "[1,,2]"s,
                                  "[1 2]"s,
                                  "{}{}"s,
                                  "[] []"s,
                                  "{} x"s,
                                  "[]]"s,
                                  "[[]"s,
                                  "{}}"s,
                                  "{\"a\":[}"s,
                                  "{\"a\":[1}"s,
                                  "[{]"s,
                                  "[{]}"s,
                                  "[}"s,
                                  "{]"s,
                                  "{1:2}"s,
                                  "{a:1}"s,
                                  "{'a':1}"s,
                                  "{\"a\"}"s,
                                  "{\"a\":}"s,
                                  "{\"a\":1,}"s,
                                  "{\"a\" 1}"s,
                                  "{\"a\"::1}"s,
                                  "{\"a\":1:2}"s,
                                  "{\"a\":\"b\":1}"s,
                                  "[\"a\":1]"s,
                                  "[\"a\" : [1]]"s,
                                  "[\"a\":\"b\"]"s,
                                  "{:1}"s,
                                  "{,}"s,
                                  "[:]"s,
                                  "[\"a\"\"b\"]"s,
                                  "[\"a\"b]"s,
                                  "[a\"b\"]"s,
                                  "{\"a\"b:1}"s,
                                  "01"s,
                                  "-"s,
                                  "+1"s,
                                  "1."s,
                                  ".5"s,
                                  "1e"s,
                                  "1e+"s,
                                  "0x1"s,
                                  "1a"s,
                                  "--1"s,
                                  "[01]"s,
                                  "[1.]"s,
                                  "[-]"s,
                                  "[1_0]"s,
                                  "NaN"s,
                                  "[Infinity]"s,
                                  "tru"s,
                                  "truee"s,
                                  "[truefalse]"s,
                                  "[nul]"s,
                                  "[nulll]"s,
                                  "True"s,
                                  "[fals]"s,
                                  "\""s,
                                  "\"a"s,
                                  "\"a\"b\""s,
                                  "[\"a]"s,
                                  "[\"\\\"]"s,
                                  "[\"\\x\"]"s,
                                  "[\"\\u12\"]"s,
                                  "[\"\\u12g4\"]"s,
                                  "[\"\\U0041\"]"s,
                                  "[\"a\nb\"]"s,
                                  "[\"\t\"]"s,
                                  "\"\t\""s,
                                  "\"\\\""s,
                                  "[\"\0\"]"s,
                                  "\0"s,
                                  "[1]\0"s,
                                  "[1\0]"s,
                                  "[\f1]"s,
                                  "\uFEFF{}"s,
                                  "/**/1"s,
                                  "[1]//"s,
                                  "# x"s,
                                  "[\"\xFF\"]"s,
                                  "\"\xC0\x80\""s,
                                  "[\"\xED\xA0\x80\"]"s,
                                  "{\"\xE2\x82\":1}"s,
                                  "[1,\xE2\x82\xAC]"s,
                                  "{\"a\\x\":1}"s,
                                  "{\"a\":{\"b\\u00\":1}}"s}) {
    EXPECT_FALSE(Accepts(reader, text)) << text;
    // Behind another one, so that nothing of it can be taken for part of this one.
    ASSERT_TRUE(Accepts(reader, R"({"a":[1,2,"x"],"b":{"c":null}})"));
    EXPECT_FALSE(Accepts(reader, text)) << text;
  }
}

TEST(JsonReaderTest, SaysWhatIsWrong) {
  EXPECT_EQ(Complaint(""), "is empty");
  EXPECT_EQ(Complaint("{\"a\":1"), "ends inside an array or object");
  EXPECT_EQ(Complaint("[\"a"), "ends inside a string");
  EXPECT_EQ(Complaint("[\"\xFF\"]"), "is not valid UTF-8");
  EXPECT_EQ(Complaint("\"\xFF\""), "is not valid UTF-8");
  EXPECT_EQ(Complaint("[\"\n\"]"), "has a control character in a string");
  EXPECT_EQ(Complaint("hello"), "is not JSON");
  EXPECT_NE(Complaint("{\"a\":1,\"b\":+2}").find("is not JSON at byte"), std::string::npos);
  EXPECT_NE(Complaint("{} {}").find("is not JSON at byte 3"), std::string::npos);
}

TEST(JsonReaderTest, DepthIsLimited) {
  EXPECT_EQ(Complaint(Nested(256, "[", "", "]")), "accepted");
  EXPECT_EQ(Complaint(Nested(257, "[", "", "]")), "is nested more than 256 levels deep");
  EXPECT_EQ(Complaint(Nested(256, "{\"a\":", "1", "}")), "accepted");
  EXPECT_EQ(Complaint(Nested(257, "{\"a\":", "1", "}")), "is nested more than 256 levels deep");
  EXPECT_EQ(Complaint(Nested(300'000, "[", "", "]")), "is nested more than 256 levels deep");
  EXPECT_EQ(Complaint(Nested(300'000, "[", "", "")), "ends inside an array or object");
  EXPECT_EQ(Complaint(std::string(300'000, ']')), "is not JSON");
}

class JsonMembersTest : public ::testing::Test {
 protected:
  const std::vector<JsonMember>& Read(std::string_view text, std::vector<std::string> names) {
    members_.resize(names.size());
    const auto read = reader_.Read(text, names, members_);
    EXPECT_TRUE(read.has_value()) << text;
    return members_;
  }

  JsonReader reader_;
  std::vector<JsonMember> members_;
};

TEST_F(JsonMembersTest, RawIsTheValuesText) {
  const auto& found = Read(
      R"( { "s" : "x\u0041\"y" , "n" : -1.50e+3 , "t" : true , "z":null, "o" : { "n" : [ 1 , 2 ] }  ,
            "a": [ {} , "}" ] })",
      {"s", "n", "t", "z", "o", "a", "absent"});
  ASSERT_EQ(found.size(), 7U);
  EXPECT_EQ(found[0].kind, JsonKind::kString);
  EXPECT_EQ(found[0].raw, R"("x\u0041\"y")");
  EXPECT_EQ(found[0].text, "xA\"y");
  EXPECT_EQ(found[1].kind, JsonKind::kNumber);
  EXPECT_EQ(found[1].raw, "-1.50e+3");
  EXPECT_EQ(found[2].kind, JsonKind::kBool);
  EXPECT_EQ(found[2].raw, "true");
  EXPECT_EQ(found[3].kind, JsonKind::kNull);
  EXPECT_EQ(found[3].raw, "null");
  EXPECT_EQ(found[4].kind, JsonKind::kObject);
  EXPECT_EQ(found[4].raw, R"({ "n" : [ 1 , 2 ] })");
  EXPECT_EQ(found[5].kind, JsonKind::kArray);
  EXPECT_EQ(found[5].raw, R"([ {} , "}" ])");
  EXPECT_EQ(found[6].kind, JsonKind::kMissing);
}

TEST_F(JsonMembersTest, AtIsWhereTheValueStandsInTheText) {
  const std::string text = " \n {\"a\" : [ 1 ] ,\"b\":\"x\",\"c\":-1 } ";
  for (const JsonMember& member : Read(text, {"a", "b", "c"})) {
    EXPECT_EQ(text.substr(member.at, member.raw.size()), member.raw);
  }
}

TEST_F(JsonMembersTest, OnlyTheTopLevelCounts) {
  EXPECT_EQ(Read(R"({"a":{"x":1},"b":[{"x":2}]})", {"x"})[0].kind, JsonKind::kMissing);
  EXPECT_EQ(Read(R"([{"x":1}])", {"x"})[0].kind, JsonKind::kMissing);
  EXPECT_EQ(Read(R"("x")", {"x"})[0].kind, JsonKind::kMissing);
}

TEST_F(JsonMembersTest, LastOfDuplicatesCountsAndIsMarked) {
  EXPECT_EQ(Read(R"({"x":1,"x":[2],"y":3})", {"x"})[0].raw, "[2]");
  EXPECT_TRUE(members_[0].repeated);
  EXPECT_FALSE(Read(R"({"x":1,"y":2})", {"x"})[0].repeated);
}

TEST_F(JsonMembersTest, EscapedNamesAreUnescaped) {
  EXPECT_EQ(Read(R"({"t\u0079pe":1,"a\"b":2,"\ud800":3})", {"type", "a\"b"})[0].raw, "1");
  EXPECT_EQ(members_[1].raw, "2");
}

TEST_F(JsonMembersTest, HalfSurrogatePairIsMarked) {
  EXPECT_TRUE(Read(R"({"a":"\ud83d","b":"\ud83d\ude00"})", {"a", "b"})[0].unpaired);
  EXPECT_FALSE(members_[1].unpaired);
  EXPECT_EQ(members_[1].text, "\U0001F600");
}

TEST_F(JsonMembersTest, BigTextsAreReadWholeAndSmallOnesAfterThem) {
  const std::string big(1 << 20, 'x');
  EXPECT_EQ(Read("{\"a\":\"" + big + "\",\"b\":7}", {"a", "b"})[0].text, big);
  EXPECT_EQ(members_[1].raw, "7");
  EXPECT_EQ(Read(R"({"a":"small"})", {"a"})[0].text, "small");
  std::string escaped;
  for (int i = 0; i < 100'000; ++i) escaped += "\\n\\\"\\u0041";
  const auto& found = Read("{\"a\":\"" + escaped + "\"}", {"a"});
  EXPECT_EQ(found[0].text.size(), 300'000U);
  EXPECT_EQ(found[0].text.substr(0, 6), "\n\"A\n\"A");
}

// A second parser judges random texts made of the pieces of JSON.
TEST(JsonReaderTest, AgreesWithAnotherParser) {
  const std::vector<std::string> pieces = {
      "{",       "}",  "[",       "]",      ":",    ",",    "\"",   "\"a\"", "\"b\":", "\\", "\\n",
      "\\u0041", "0",  "1",       "-",      ".",    "e",    "true", "false", "null",   " ",  "\n",
      "[]",      "{}", "\"x\":1", "\u00E9", "\xFF", "\x01", "t",    "1.5",   ",\"k\":"};
  const std::vector<std::string> seeds = {R"({"a":[1,2.5e3,"x\n"],"b":{"c":null,"d":true}})",
                                          R"([{"a":"b"},["c",{}],[],-0.1,"\\\""])"};
  std::mt19937 random(7);  // NOLINT: the same every time, on purpose
  const auto below = [&random](size_t bound) { return random() % bound; };
  JsonReader reader;
  size_t accepted = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string text;
    if (round % 2 == 0) {
      for (size_t n = below(9) + 1; n > 0; --n) text += pieces[below(pieces.size())];
    } else {
      text = seeds[below(seeds.size())];
      for (size_t n = below(3); n > 0; --n) {
        text.replace(below(text.size()), below(3),
                     below(3) == 0 ? "" : pieces[below(pieces.size())]);
        if (text.empty()) text = "[]";
      }
    }
    const bool ours = Accepts(reader, text);
    const bool theirs = nlohmann::json::accept(text);
    // It refuses numbers that no double can hold.
    if (ours && !theirs && text.find('e') != std::string::npos) {
      try {
        const auto json = nlohmann::json::parse(text);
        FAIL() << "it changed its mind about " << json;
      } catch (const nlohmann::json::out_of_range&) {
        continue;
      } catch (const nlohmann::json::exception&) {
      }
    }
    ASSERT_EQ(ours, theirs) << text;
    accepted += ours ? 1 : 0;
  }
  EXPECT_GT(accepted, 10'000U) << "the texts must not all be bad";
}

}  // namespace
}  // namespace sluice::pubsub
