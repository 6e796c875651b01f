// A hub on a fake loop, with the ingest thread played by the test.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/base/log.h"
#include "sluice/pubsub/frame_encoder.h"
#include "sluice/pubsub/hub.h"
#include "support/fake_loop.h"
#include "support/fake_stream.h"
#include "support/sse_decoder.h"
#include "support/test_catalog.h"

namespace sluice::pubsub {

// The payload of complete chunks; a test failure if the bytes are not chunks. `ended` tells whether
// the last chunk came.
inline std::string Dechunk(std::string_view bytes, bool* ended = nullptr) {
  std::string payload;
  if (ended != nullptr) *ended = false;
  while (!bytes.empty()) {
    const size_t line = bytes.find("\r\n");
    if (line == std::string_view::npos) break;
    const size_t size = std::stoul(std::string(bytes.substr(0, line)), nullptr, 16);
    if (bytes.size() < line + 2 + size + 2) {
      payload += bytes.substr(line + 2, size);  // torn in the middle of a chunk
      break;
    }
    payload += bytes.substr(line + 2, size);
    EXPECT_EQ(bytes.substr(line + 2 + size, 2), "\r\n");
    if (size == 0 && ended != nullptr) *ended = true;
    bytes.remove_prefix(line + 2 + size + 2);
  }
  return payload;
}

inline std::vector<testing::SseEvent> EventsOf(const testing::FakePeer& peer, bool chunked = true) {
  testing::SseDecoder decoder;
  decoder.Feed(chunked ? Dechunk(peer.written()) : peer.written());
  return decoder.TakeEvents();
}

class TestWaiter : public Waiter {
 public:
  explicit TestWaiter(std::function<void(Topic&)> live) : live_(std::move(live)) {}
  void OnLive(Topic& topic) override { live_(topic); }
  void OnRefused(const Error& error) override { refused = error; }
  std::optional<Error> refused;

 private:
  std::function<void(Topic&)> live_;
};

class HubFixture : public ::testing::Test {
 protected:
  static config::Topic NewsTopic() {
    config::Topic topic;
    topic.name = "news";
    topic.path = "/events/news";
    topic.channel = "news";
    topic.heartbeat_ms = 15'000;
    topic.linger_ms = 30'000;
    return topic;
  }

  // Call first.
  void MakeHub(config::Topic topic) {
    config::Config made;
    made.topics.push_back(std::move(topic));
    MakeHub(std::move(made));
  }
  void MakeHub(config::Config made) {
    catalog = std::make_shared<testing::TestCatalog>(std::move(made));
    hub = std::make_unique<Hub>(loop, catalog, 0, ingest_inbox, counts, slice_sends);
  }
  // The counters of the first topic.
  [[nodiscard]] const TopicStats& topic_stats() const { return catalog->counters().workers[0]; }

  void SetUp() override { SetLogLevel(LogLevel::kOff); }
  void TearDown() override {
    hub.reset();
    loop.Turn();
    SetLogLevel(LogLevel::kInfo);
  }

  std::vector<IngestCommand> TakeCommands() {
    std::vector<IngestCommand> taken;
    ingest_inbox.Drain([&taken](IngestCommand& command) { taken.push_back(std::move(command)); });
    return taken;
  }

  LiveEvent Live(const std::string& channel = "news") {
    LiveEvent event;
    event.channel = channel;
    event.channel_id = 7;
    event.epoch = "ep";
    event.next = next_sequence;
    event.backlog = backlog;
    event.subscribers = total;
    return event;
  }

  FrameRef MakeFrame(const std::string& data, std::optional<std::string> field = std::nullopt,
                     const std::string& id = {}) {
    Message message;
    message.data = data;
    message.id = id;
    if (field) message.fields.emplace_back(true, *field);
    Result<FrameRef> frame =
        encoder.Make(std::move(message),
                     {.epoch = "ep", .sequence = next_sequence++, .received_ns = loop.NowNs()});
    EXPECT_TRUE(frame.has_value());
    return *frame;
  }
  void Push(const std::string& data, std::optional<std::string> field = std::nullopt,
            const std::string& id = {}) {
    hub->inbox().Push(FrameEvent{7, MakeFrame(data, std::move(field), id)});
  }
  void Publish(const std::string& data, std::optional<std::string> field = std::nullopt,
               const std::string& id = {}) {
    Push(data, std::move(field), id);
    loop.Turn();
  }

  // Subscribes; the topic is live at once if `live`.
  std::shared_ptr<testing::FakePeer> Join(Filter filter = {}, const std::string& last_id = {},
                                          Framing framing = Framing::kChunked,
                                          size_t budget = testing::FakePeer::kUnlimited) {
    auto stream = std::make_unique<testing::FakeStream>();
    std::shared_ptr<testing::FakePeer> peer = stream->other_end();
    peer->SetBudget(budget);
    TestWaiter waiter([&](Topic& topic) {
      Subscription subscription;
      subscription.stream = std::move(stream);
      subscription.connection_id = ++connection_id;
      subscription.filter = std::move(filter);
      subscription.framing = framing;
      subscription.last_event_id = last_id;
      subscription.expires_in_ms = expires_in_ms;
      subscription.on_expired = [this] { ++expired; };
      hub->Attach(topic, std::move(subscription));
    });
    hub->Await(catalog->entry(), "news", waiter);
    if (stream != nullptr) {
      hub->inbox().Push(Live());
      loop.Turn();
    }
    EXPECT_EQ(stream, nullptr) << "the topic did not turn live";
    return peer;
  }

  [[nodiscard]] static std::vector<std::string> Data(const testing::FakePeer& peer,
                                                     bool chunked = true) {
    std::vector<std::string> data;
    for (const testing::SseEvent& event : EventsOf(peer, chunked)) data.push_back(event.data);
    return data;
  }
  [[nodiscard]] uint64_t Closed(CloseReason reason) const {
    return hub->stats().disconnects[static_cast<size_t>(reason)].Get();
  }

  testing::FakeLoop loop;
  std::shared_ptr<testing::TestCatalog> catalog;
  IngestInbox ingest_inbox{[] {}};
  ProcessCounts counts;
  SharedCount total = std::make_shared<std::atomic<uint32_t>>(0);
  FrameEncoder encoder;
  std::vector<FrameRef> backlog;
  uint64_t next_sequence = 1;
  uint64_t connection_id = 0;
  std::optional<uint64_t> expires_in_ms;  // of those that join from now on
  int expired = 0;                        // calls of on_expired
  size_t slice_sends = Hub::kSliceSends;  // change before MakeHub
  std::unique_ptr<Hub> hub;
};

}  // namespace sluice::pubsub
