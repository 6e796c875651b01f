#include "sluice/pubsub/frame.h"

#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::pubsub {
namespace {

FrameParts Parts(std::string_view id, std::string_view body) {
  FrameParts parts;
  parts.id = id;
  parts.body = body;
  return parts;
}

TEST(FrameTest, ChunkHoldsIdLineAndBody) {
  const FrameRef frame = Frame::Make(Parts("k3x9.42", "event: alert\ndata: hello\n\n"));
  EXPECT_EQ(frame->chunk(), "26\r\nid: k3x9.42\nevent: alert\ndata: hello\n\n\r\n");
  EXPECT_EQ(frame->payload(), "id: k3x9.42\nevent: alert\ndata: hello\n\n");
  EXPECT_EQ(frame->body(), "event: alert\ndata: hello\n\n");
  EXPECT_EQ(frame->id(), "k3x9.42");
}

TEST(FrameTest, WithoutIdPayloadIsTheBody) {
  const FrameRef frame = Frame::Make(Parts("", "data: x\n\n"));
  EXPECT_EQ(frame->chunk(), "9\r\ndata: x\n\n\r\n");
  EXPECT_EQ(frame->payload(), "data: x\n\n");
  EXPECT_EQ(frame->body(), frame->payload());
  EXPECT_EQ(frame->id(), "");
}

TEST(FrameTest, ViewsAreSlicesOfTheSameMemory) {
  const FrameRef frame = Frame::Make(Parts("1", "data: x\n\n"));
  const std::string_view chunk = frame->chunk();
  EXPECT_EQ(frame->payload().data(), chunk.data() + 3);
  EXPECT_EQ(frame->body().data(), chunk.data() + 9);
  EXPECT_EQ(frame->body().data() + frame->body().size() + 2, chunk.data() + chunk.size());
}

TEST(FrameTest, ChunkSizeIsHexOfThePayload) {
  for (const size_t size : {1U, 9U, 15U, 16U, 17U, 255U, 256U, 4095U, 4096U, 65536U, 1U << 20}) {
    const std::string body(size, 'b');
    const FrameRef frame = Frame::Make(Parts("", body));
    const std::string head(frame->chunk().substr(0, frame->chunk().find("\r\n")));
    EXPECT_EQ(std::stoul(head, nullptr, 16), size);
    EXPECT_EQ(frame->chunk(), head + "\r\n" + body + "\r\n");
    EXPECT_EQ(frame->body(), body);
  }
}

TEST(FrameTest, KeepsWhatItWasMadeWith) {
  FrameParts parts = Parts("9", "data: x\n\n");
  parts.sequence = 7;
  parts.received_ns = 123;
  parts.gap = true;
  parts.fields = {{true, "alert"}, {false, ""}, {true, ""}};
  const FrameRef frame = Frame::Make(std::move(parts));
  EXPECT_EQ(frame->sequence(), 7U);
  EXPECT_EQ(frame->received_ns(), 123U);
  EXPECT_TRUE(frame->gap());
  ASSERT_NE(frame->field(0), nullptr);
  EXPECT_EQ(*frame->field(0), "alert");
  EXPECT_EQ(frame->field(1), nullptr) << "missing";
  ASSERT_NE(frame->field(2), nullptr);
  EXPECT_EQ(*frame->field(2), "") << "empty is not missing";
  EXPECT_EQ(frame->field(3), nullptr) << "not a field of the topic";
}

TEST(FrameTest, CopiesShareTheFrame) {
  FrameRef frame = Frame::Make(Parts("1", "data: x\n\n"));
  const Frame* address = frame.get();
  FrameRef copy = frame;
  EXPECT_EQ(copy.get(), address);
  FrameRef moved = std::move(frame);
  EXPECT_EQ(moved.get(), address);
  copy = FrameRef();
  EXPECT_FALSE(copy);
  FrameRef& same = moved;
  moved = same;
  EXPECT_EQ(moved->body(), "data: x\n\n");
}

// ASan and TSan see a frame that is freed too early, twice or never.
TEST(FrameTest, ThreadsMayHoldAndDropReferences) {
  std::vector<std::thread> threads;
  std::vector<size_t> bytes(4, 0);
  {
    const FrameRef frame = Frame::Make(Parts("1", "data: shared\n\n"));
    for (size_t i = 0; i < bytes.size(); ++i) {
      threads.emplace_back([held = frame, &total = bytes[i]] {
        for (int round = 0; round < 10'000; ++round) {
          const FrameRef copy = held;
          total += copy->body().size();
        }
      });
    }
  }
  for (std::thread& thread : threads) thread.join();
  for (const size_t total : bytes) EXPECT_EQ(total, 10'000U * 14U);
}

}  // namespace
}  // namespace sluice::pubsub
