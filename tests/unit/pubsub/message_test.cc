#include "sluice/pubsub/message.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::pubsub {
namespace {

using namespace std::string_literals;
using Fields = std::vector<std::pair<bool, std::string>>;

class MessageTest : public ::testing::Test {
 protected:
  // The message, which the test may look at until the next call.
  const Message& Decoded(config::Format format, std::string_view raw) {
    message_ = Message();
    raw_ = raw;
    topic_.format = format;
    auto result = decoder_.Decode(topic_, raw_);
    EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().message);
    if (result) message_ = std::move(*result);
    return message_;
  }
  const Message& Envelope(std::string_view raw) { return Decoded(config::Format::kEnvelope, raw); }
  const Message& Json(std::string_view raw) { return Decoded(config::Format::kJson, raw); }

  std::string Refusal(config::Format format, std::string_view raw) {
    topic_.format = format;
    const auto result = decoder_.Decode(topic_, raw);
    if (result) return "accepted";
    EXPECT_EQ(result.error().code, Errc::kInvalid);
    return result.error().message;
  }
  std::string EnvelopeRefusal(std::string_view raw) {
    return Refusal(config::Format::kEnvelope, raw);
  }

  config::Topic topic_;
  MessageDecoder decoder_;
  std::string raw_;
  Message message_;
};

TEST_F(MessageTest, TextIsTakenAsItIs) {
  for (const std::string& raw : {""s, "hello"s, "a\r\nb"s, "\0\xFF"s, R"({"data":1})"s}) {
    const Message& message = Decoded(config::Format::kText, raw);
    EXPECT_EQ(message.data, raw);
    EXPECT_EQ(message.event, "");
    EXPECT_EQ(message.id, "");
    EXPECT_FALSE(message.retry_ms.has_value());
    EXPECT_TRUE(message.fields.empty());
  }
}

TEST_F(MessageTest, EnvelopeGivesAllItsMembers) {
  const Message& message = Envelope(
      R"({"retry":1500,"id":"o-1:2.x_","event":"caf\u00e9","data":"line\none","other":[{}]})");
  EXPECT_EQ(message.data, "line\none");
  EXPECT_EQ(message.event, "caf\u00E9");
  EXPECT_EQ(message.id, "o-1:2.x_");
  EXPECT_EQ(message.retry_ms, 1500U);
}

TEST_F(MessageTest, EnvelopeDataIsTextOrJsonText) {
  EXPECT_EQ(Envelope(R"({"data":""})").data, "");
  EXPECT_EQ(Envelope(R"({"data":"a\u0000\r\n\"\ud83d\ude00"})").data, "a\0\r\n\"\U0001F600"s);
  EXPECT_EQ(Envelope(R"({"data":{ "a" : [1, 2] } })").data, R"({ "a" : [1, 2] })");
  EXPECT_EQ(Envelope(R"({"data":[1,"x"]})").data, R"([1,"x"])");
  EXPECT_EQ(Envelope(R"({"data": 1.50 })").data, "1.50");
  EXPECT_EQ(Envelope(R"({"data":123456789012345678901234567890})").data,
            "123456789012345678901234567890");
  EXPECT_EQ(Envelope(R"({"data":true})").data, "true");
  EXPECT_EQ(Envelope(R"({"data":null})").data, "null");
}

TEST_F(MessageTest, NullOrEmptyLeavesAnEnvelopeMemberOut) {
  const Message& message = Envelope(R"({"data":"x","event":null,"id":null,"retry":null})");
  EXPECT_EQ(message.event, "");
  EXPECT_EQ(message.id, "");
  EXPECT_FALSE(message.retry_ms.has_value());
  EXPECT_EQ(Envelope(R"({"data":"x","event":""})").event, "");
}

TEST_F(MessageTest, RetryIsAWholeNumber) {
  EXPECT_EQ(Envelope(R"({"data":"x","retry":0})").retry_ms, 0U);
  EXPECT_EQ(Envelope(R"({"data":"x","retry":4294967295})").retry_ms, 4294967295U);
  for (const char* retry : {"-1", "-0", "1.0", "1e3", "4294967296", "99999999999999999999999",
                            "\"5\"", "true", "[]", "{}"}) {
    EXPECT_EQ(EnvelopeRefusal(R"({"data":"x","retry":)" + std::string(retry) + "}"),
              "envelope member \"retry\" is not a whole number from 0 to 4294967295")
        << retry;
  }
}

TEST_F(MessageTest, BadEnvelopeIsRefusedWithItsMember) {
  const std::string bad_id = "envelope member \"id\" is not 1 to 128 of A-Z a-z 0-9 . _ : -";
  const std::string bad_event =
      "envelope member \"event\" is longer than 256 bytes or has a CR, LF or NUL";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({})", "envelope member \"data\" is missing"},
      {R"({"Data":"x"})", "envelope member \"data\" is missing"},
      {R"({"data":"x","id":7})", "envelope member \"id\" is not a string"},
      {R"({"data":"x","id":""})", bad_id},
      {R"({"data":"x","id":"a\nb"})", bad_id},
      {R"({"data":"x","id":"\u20ac"})", bad_id},
      {R"({"data":"x","id":"a\u0000"})", bad_id},
      {R"({"data":"x","id":")" + std::string(129, 'i') + "\"}", bad_id},
      {R"({"data":"x","event":["e"]})", "envelope member \"event\" is not a string"},
      {R"({"data":"x","event":"a\rb"})", bad_event},
      {R"({"data":"x","event":"a\u0000b"})", bad_event},
      {R"({"data":"x","event":")" + std::string(257, 'e') + "\"}", bad_event},
      {R"({"data":"x","data":"y"})", "envelope member \"data\" is given twice"},
      {R"({"data":"x","id":"1","id":"2"})", "envelope member \"id\" is given twice"},
      {R"({"data":"x\ud800"})", "envelope member \"data\" holds half a surrogate pair"},
      {R"([1])", "envelope is not a JSON object"},
      {R"("data")", "envelope is not a JSON object"},
      {"", "envelope is empty"},
      {"hello", "envelope is not JSON"},
      {"{\"data\":\"x\"", "envelope ends inside an array or object"},
      {"{\"data\":\"\xFF\"}", "envelope is not valid UTF-8"},
  };
  for (const auto& [raw, refusal] : cases) EXPECT_EQ(EnvelopeRefusal(raw), refusal) << raw;
}

TEST_F(MessageTest, JsonIsPassedOnByteForByte) {
  for (const std::string& raw : {R"({"a": 1})"s, "\n[1,\r\n 2]\n"s, "\"text\""s, "1e999"s, "null"s,
                                 R"({"a":1,"a":2})"s, R"(["\ud800"])"s}) {
    EXPECT_EQ(Json(raw).data, raw);
    EXPECT_EQ(message_.event, "");
    EXPECT_EQ(message_.id, "");
  }
}

TEST_F(MessageTest, WhatIsNotJsonIsRefused) {
  EXPECT_EQ(Refusal(config::Format::kJson, "hello"), "message is not JSON");
  EXPECT_EQ(Refusal(config::Format::kJson, ""), "message is empty");
  EXPECT_EQ(Refusal(config::Format::kJson, "[\"\xC3\"]"), "message is not valid UTF-8");
  EXPECT_EQ(Refusal(config::Format::kJson, std::string(1000, '[') + std::string(1000, ']')),
            "message is nested more than 256 levels deep");
}

TEST_F(MessageTest, RefusalNeverQuotesTheMessage) {
  for (const auto format : {config::Format::kJson, config::Format::kEnvelope}) {
    for (const char* raw :
         {"s3cret", "{\"s3cret\":s3cret}", "{\"data\":1,\"id\":\"s3cret s3cret\"}"}) {
      EXPECT_EQ(Refusal(format, raw).find("s3cret"), std::string::npos);
    }
  }
}

TEST_F(MessageTest, FilterFieldsAreTopLevelScalars) {
  topic_.filter = {"type", "n", "flag", "absent"};
  EXPECT_EQ(Json(R"({"n":-1.50,"type":"al\u0065rt","flag":false,"x":{"absent":1}})").fields,
            (Fields{{true, "alert"}, {true, "-1.50"}, {true, "false"}, {false, ""}}));
  EXPECT_EQ(Json(R"({"type":null,"n":[1],"flag":{},"absent":""})").fields,
            (Fields{{false, ""}, {false, ""}, {false, ""}, {true, ""}}));
  EXPECT_EQ(Json(R"(["type"])").fields, Fields(4));
  EXPECT_EQ(Json(R"("type")").fields, Fields(4));
}

TEST_F(MessageTest, FilterFieldsOfAnEnvelopeAreThoseOfItsData) {
  topic_.filter = {"type"};
  EXPECT_EQ(Envelope(R"({"type":"outer","data":{"type":"inner"},"id":"7","event":"e"})").fields,
            (Fields{{true, "inner"}}));
  EXPECT_EQ(message_.data, R"({"type":"inner"})");
  EXPECT_EQ(message_.id, "7");
  EXPECT_EQ(message_.event, "e");
  EXPECT_EQ(Envelope(R"({"type":"outer","data":"{\"type\":\"text\"}"})").fields,
            (Fields{{false, ""}}));
  EXPECT_EQ(Envelope(R"({"data":[{"type":1}]})").fields, (Fields{{false, ""}}));
}

TEST_F(MessageTest, LastOfDuplicateFilterFieldsCounts) {
  topic_.filter = {"type"};
  EXPECT_EQ(Json(R"({"type":"a","type":"b"})").fields, (Fields{{true, "b"}}));
  EXPECT_EQ(Json(R"({"type":"a","type":null})").fields, (Fields{{false, ""}}));
}

TEST_F(MessageTest, FilterValuesAreBoundedAndMustBeText) {
  topic_.filter = {"type"};
  const std::string longest(kMaxFilterValueBytes, 'x');
  EXPECT_EQ(Json("{\"type\":\"" + longest + "\"}").fields, (Fields{{true, longest}}));
  EXPECT_EQ(Json("{\"type\":\"" + longest + "x\"}").fields, (Fields{{false, ""}}));
  EXPECT_EQ(Json("{\"type\":" + std::string(kMaxFilterValueBytes + 1, '1') + "}").fields,
            (Fields{{false, ""}}));
  EXPECT_EQ(Json(R"({"type":"\ud800"})").fields, (Fields{{false, ""}}));
}

TEST_F(MessageTest, BigMessagesAndSmallOnesAlternate) {
  topic_.filter = {"type"};
  const std::string big(1 << 20, 'x');
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(Envelope("{\"data\":\"" + big + "\"}").data, big);
    EXPECT_EQ(Envelope(R"({"data":"small"})").data, "small");
    EXPECT_EQ(Json("{\"pad\":\"" + big + "\",\"type\":\"t\"}").fields, (Fields{{true, "t"}}));
    EXPECT_EQ(Json(R"({"type":1})").fields, (Fields{{true, "1"}}));
  }
}

}  // namespace
}  // namespace sluice::pubsub
