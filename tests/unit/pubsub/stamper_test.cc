#include "sluice/pubsub/stamper.h"

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sluice::pubsub {
namespace {

using config::StampValue;

constexpr uint64_t kNow = 1'717'243'496'007;  // 2024-06-01T12:04:56.007Z

const std::vector<config::Stamp> kStamps = {{"id", StampValue::kUnixMs},
                                            {"timestamp", StampValue::kIso8601}};

std::string Stamped(std::string_view body, const std::vector<config::Stamp>& stamps = kStamps,
                    uint64_t now = kNow) {
  Stamper stamper;
  const auto result = stamper.Stamp(stamps, body, now);
  return result ? *result : "error: " + result.error().message;
}

TEST(StamperTest, MembersComeFirstInTheirOrder) {
  EXPECT_EQ(Stamped(R"({"type":"login","message":"hello"})"),
            R"({"id":1717243496007,"timestamp":"2024-06-01T12:04:56.007Z",)"
            R"("type":"login","message":"hello"})");
  EXPECT_EQ(Stamped("{}"), R"({"id":1717243496007,"timestamp":"2024-06-01T12:04:56.007Z"})");
  EXPECT_EQ(Stamped(" { \n } "),
            " {\"id\":1717243496007,\"timestamp\":\"2024-06-01T12:04:56.007Z\" \n } ");
}

TEST(StamperTest, WhatThePublisherSaysThereIsReplacedInItsPlace) {
  EXPECT_EQ(Stamped(R"({"a":1, "timestamp" : {"x":[1,"}"]} , "id":"spoofed"})"),
            R"({"a":1, "timestamp" : "2024-06-01T12:04:56.007Z" , "id":1717243496007})");
  EXPECT_EQ(Stamped("\n\t{\"id\":1}"),
            "\n\t{\"timestamp\":\"2024-06-01T12:04:56.007Z\",\"id\":1717243496007}");
  EXPECT_EQ(Stamped(R"({"\u0069d":null,"timestamp":""})"),
            R"({"\u0069d":1717243496007,"timestamp":"2024-06-01T12:04:56.007Z"})")
      << "a name with escapes is the same name";
}

TEST(StamperTest, EverythingElseStaysByteForByte) {
  const std::string rest =
      R"("n":12345678901234567890.12345678901234567890e-400, "s":"\u00e9é\"}{",  "d":{"id":1}, "z":-0})";
  EXPECT_EQ(Stamped("{" + rest, {{"id", StampValue::kUnixMs}}), "{\"id\":1717243496007," + rest);
}

// Any object, with or without the members, in any order and spacing: what a reader of JSON sees is
// the same object with these two set.
TEST(StamperTest, AnyObjectIsTheSameButForTheMembersThatAreSet) {
  std::mt19937 random(7);
  const std::vector<std::string> names = {"id", "timestamp", "a", "\u00e9\"", "n"};
  const std::vector<std::string> values = {"1", "\"id\"", "{\"id\":{}}", "[]", "null", "\"}\\\"\""};
  const std::vector<std::string> spaces = {"", " ", "\n\t"};
  const auto any = [&](const std::vector<std::string>& of) { return of[random() % of.size()]; };
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::string> order = names;
    std::shuffle(order.begin(), order.end(), random);
    order.resize(random() % (order.size() + 1));
    std::string body = any(spaces) + "{" + any(spaces);
    for (const std::string& name : order) {
      if (name != order.front()) body += "," + any(spaces);
      body +=
          nlohmann::json(name).dump() + any(spaces) + ":" + any(spaces) + any(values) + any(spaces);
    }
    body += "}" + any(spaces);
    nlohmann::json expected = nlohmann::json::parse(body);
    expected["id"] = kNow;
    expected["timestamp"] = "2024-06-01T12:04:56.007Z";
    EXPECT_EQ(nlohmann::json::parse(Stamped(body)), expected) << body;
  }
}

TEST(StamperTest, NamesAreWrittenAsJson) {
  const std::vector<config::Stamp> stamps = {{"a\"b\\", StampValue::kUnixMs}};
  const auto parsed = nlohmann::json::parse(Stamped("{}", stamps));
  EXPECT_EQ(parsed.at("a\"b\\").get<uint64_t>(), kNow);
}

TEST(StamperTest, OnlyAnObjectThatHasEachMemberOnceIsStamped) {
  EXPECT_EQ(Stamped(""), "error: the body is empty");
  EXPECT_EQ(Stamped("hello"), "error: the body is not JSON");
  EXPECT_EQ(Stamped("[{}]"), "error: the body is not a JSON object");
  EXPECT_EQ(Stamped("\"{}\""), "error: the body is not a JSON object");
  for (const char* text : {"{\"a\":1} x", "{\"a\":1", "{} {}", "{\"a\":01}", "{\"a\":\"\xff\"}"}) {
    EXPECT_EQ(Stamped(text).substr(0, 15), "error: the body") << text;
  }
  EXPECT_EQ(Stamped(R"({"id":1,"a":2,"\u0069d":3})"),
            "error: the body has the member \"id\" more than once");
}

TEST(StamperTest, TimesAreWrittenAsJavaScriptDoes) {
  const std::vector<config::Stamp> stamps = {{"t", StampValue::kIso8601}};
  EXPECT_EQ(Stamped("{}", stamps, 0), R"({"t":"1970-01-01T00:00:00.000Z"})");
  EXPECT_EQ(Stamped("{}", stamps, 951'782'399'999), R"({"t":"2000-02-28T23:59:59.999Z"})");
  EXPECT_EQ(Stamped("{}", stamps, 951'782'400'000), R"({"t":"2000-02-29T00:00:00.000Z"})");
}

}  // namespace
}  // namespace sluice::pubsub
