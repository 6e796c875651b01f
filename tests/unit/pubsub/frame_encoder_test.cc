#include "sluice/pubsub/frame_encoder.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/sse_decoder.h"

namespace sluice::pubsub {
namespace {

using namespace std::string_literals;
using testing::SseDecoder;
using testing::SseEvent;

constexpr FramePlace kPlace{.epoch = "k3x9", .sequence = 42, .received_ns = 77};

SseEvent OnlyEvent(std::string_view payload) {
  SseDecoder decoder;
  decoder.Feed(payload);
  EXPECT_EQ(decoder.events().size(), 1U);
  EXPECT_TRUE(decoder.at_boundary());
  EXPECT_TRUE(decoder.unknown_fields().empty());
  return decoder.events().empty() ? SseEvent() : decoder.events().front();
}

TEST(FrameEncoderTest, IdIsMadeFromThePlace) {
  FrameEncoder encoder;
  Message message;
  message.data = "hello";
  const auto frame = encoder.Make(std::move(message), kPlace);
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ((*frame)->chunk(), "19\r\nid: k3x9.42\ndata: hello\n\n\r\n");
  EXPECT_EQ((*frame)->id(), PlaceId("k3x9", 42));
  EXPECT_EQ((*frame)->sequence(), 42U);
  EXPECT_EQ((*frame)->received_ns(), 77U);
  EXPECT_FALSE((*frame)->gap());
}

TEST(FrameEncoderTest, PublishersIdEventAndRetryAreTaken) {
  FrameEncoder encoder;
  Message message;
  message.data = "a\r\nb";
  message.event = "alert";
  message.id = "order:7";
  message.retry_ms = 900;
  message.fields = {{true, "x"}};
  const auto frame = encoder.Make(std::move(message), kPlace);
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ((*frame)->payload(), "id: order:7\nevent: alert\ndata: a\ndata: b\nretry: 900\n\n");
  ASSERT_NE((*frame)->field(0), nullptr);
  EXPECT_EQ(*(*frame)->field(0), "x");
}

TEST(FrameEncoderTest, BadEventOrIdIsRefused) {
  FrameEncoder encoder;
  for (const std::string& bad : {"a\nid: 1"s, "a\rb"s, "a\0b"s, std::string(257, 'x')}) {
    Message by_event;
    by_event.data = "x";
    by_event.event = bad;
    const auto no_event = encoder.Make(std::move(by_event), kPlace);
    ASSERT_FALSE(no_event.has_value());
    EXPECT_NE(no_event.error().message.find("event name"), std::string::npos);
    Message by_id;
    by_id.data = "x";
    by_id.id = bad;
    const auto no_id = encoder.Make(std::move(by_id), kPlace);
    ASSERT_FALSE(no_id.has_value());
    EXPECT_EQ(no_id.error().message, "id is not 1 to 128 of A-Z a-z 0-9 . _ : -");
  }
  Message good;
  good.data = "y";
  const auto frame = encoder.Make(std::move(good), kPlace);
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ((*frame)->body(), "data: y\n\n") << "nothing is left of the refused ones";
}

TEST(FrameEncoderTest, BigMessageIsOneFrame) {
  FrameEncoder encoder;
  const std::string big(1 << 20, 'x');
  Message message;
  message.data = big;
  const auto frame = encoder.Make(std::move(message), kPlace);
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(OnlyEvent((*frame)->payload()).data, big);
}

TEST(FrameEncoderTest, GapIsAnEventOfItsOwnForAll) {
  FrameEncoder encoder;
  const FrameRef frame = encoder.MakeGap("room:42", "source_lost", "k3x9.41", kPlace);
  EXPECT_EQ(frame->payload(),
            "id: k3x9.42\nevent: sluice.gap\n"
            "data: {\"topic\":\"room:42\",\"reason\":\"source_lost\",\"last_id\":\"k3x9.41\"}\n\n");
  EXPECT_TRUE(frame->gap());
  EXPECT_EQ(frame->sequence(), 42U);
  EXPECT_EQ(frame->received_ns(), 77U);
}

TEST(GapBodyTest, IdLineIsOptional) {
  EXPECT_EQ(GapBody("news", "slow", "k3x9.17", "k3x9.41"),
            "id: k3x9.41\nevent: sluice.gap\n"
            "data: {\"topic\":\"news\",\"reason\":\"slow\",\"last_id\":\"k3x9.17\"}\n\n");
  EXPECT_EQ(GapBody("news", "unknown_id", "", ""),
            "event: sluice.gap\ndata: "
            "{\"topic\":\"news\",\"reason\":\"unknown_id\",\"last_id\":\"\"}\n\n");
}

TEST(GapBodyTest, AnyLastIdGivesValidJsonInOneEvent) {
  std::string all_bytes;
  for (int byte = 0; byte < 256; ++byte) all_bytes += static_cast<char>(byte);
  for (const std::string& last_id :
       {"a\"b\\c"s, "x\n\ndata: forged\n\n"s, "\r\n\0\x1F\x7F"s, "\xFF\xC0"s, "\u20AC<1"s,
        "</script>"s, all_bytes.substr(0, 128), all_bytes.substr(128)}) {
    const SseEvent event = OnlyEvent(GapBody("news", "unknown_id", last_id, ""));
    EXPECT_EQ(event.type, "sluice.gap");
    const auto json = nlohmann::json::parse(event.data, nullptr, false);
    ASSERT_TRUE(json.is_object()) << event.data;
    EXPECT_EQ(json.at("topic"), "news");
    EXPECT_EQ(json.at("reason"), "unknown_id");
    EXPECT_EQ(json.at("last_id"), testing::DecodeUtf8(last_id));
  }
}

TEST(GapBodyTest, LongLastIdIsCutAtACharacter) {
  const auto last_id = [](const std::string& id) {
    const auto json =
        nlohmann::json::parse(OnlyEvent(GapBody("t", "r", id, "")).data, nullptr, false);
    return json.is_object() ? json.at("last_id").get<std::string>() : "no JSON";
  };
  EXPECT_EQ(last_id(std::string(128, 'i')), std::string(128, 'i'));
  EXPECT_EQ(last_id(std::string(129, 'i')), std::string(128, 'i'));
  EXPECT_EQ(last_id(std::string(100'000, 'i')), std::string(128, 'i'));
  EXPECT_EQ(last_id(std::string(127, 'i') + "\u20AC"), std::string(127, 'i'));
}

}  // namespace
}  // namespace sluice::pubsub
