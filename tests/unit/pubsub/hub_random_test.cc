// Random schedules against the one promise that matters: what a subscriber reads has every matching
// event once and in order, but for what a sluice.gap told it.

#include <random>

#include "hub_fixture.h"

namespace sluice::pubsub {
namespace {

struct Client {
  std::shared_ptr<testing::FakePeer> peer;
  std::string type;    // filter; empty: none
  uint64_t first = 0;  // sequence of the first event that it must get
  bool chunked = true;
};

class HubRandomTest : public HubFixture, public ::testing::WithParamInterface<unsigned> {
 protected:
  // The sequence is in each event's data: "<sequence> <type>".
  void CheckClient(const Client& client, bool gaps_allowed) {
    uint64_t next = client.first;
    bool after_gap = false;
    bool told_expired = false;
    const auto check_missed = [&](uint64_t end) {
      for (uint64_t missed = next; missed < end; ++missed) {
        EXPECT_FALSE(client.type.empty() || client.type == TypeOf(missed))
            << "event " << missed << " was lost";
      }
    };
    for (const testing::SseEvent& event : EventsOf(*client.peer, client.chunked)) {
      if (event.type == "sluice.gap") {
        EXPECT_TRUE(gaps_allowed) << event.data;
        after_gap = true;
        continue;
      }
      EXPECT_FALSE(told_expired) << "something came after sluice.expired";
      if (event.type == "sluice.expired") {
        // Whoever resumes from its id has lost nothing.
        if (!after_gap) check_missed(std::stoull(event.last_event_id.substr(3)) + 1);
        told_expired = true;
        continue;
      }
      const uint64_t sequence = std::stoull(event.data);
      const std::string type = event.data.substr(event.data.find(' ') + 1, 1);
      if (!client.type.empty()) {
        EXPECT_EQ(type, client.type);
      }
      EXPECT_GE(sequence, next) << "duplicate or out of order";
      if (!after_gap) check_missed(sequence);
      after_gap = false;
      next = sequence + 1;
    }
    last_seen_ = next;
  }

  static std::string TypeOf(uint64_t sequence) { return sequence % 3 == 0 ? "a" : "b"; }

  // Until no slice is left to do.
  void Settle() {
    do {
      loop.Turn();
    } while (loop.running_idles() > 0);
  }

  void PublishOne(std::mt19937& random) {
    const uint64_t sequence = next_sequence;
    Push(std::to_string(sequence) + " " + TypeOf(sequence) + std::string(random() % 60, '.'),
         TypeOf(sequence));
  }

  void RunSchedule(config::SlowPolicy policy, uint64_t buffer, bool gaps_allowed) {
    std::mt19937 random(GetParam());
    config::Topic topic = NewsTopic();
    topic.filter = {"type"};
    topic.slow_policy = policy;
    topic.slow_buffer_bytes = buffer;
    topic.heartbeat_ms = 2'000;
    // Small slices, so that joins, closes and short writes fall into the middle of passes.
    slice_sends = 1 + random() % 6;
    MakeHub(topic);
    const std::shared_ptr<testing::FakePeer> keeps_the_topic = Join();
    std::vector<Client> clients;
    for (int step = 0; step < 600; ++step) {
      switch (random() % 8) {
        case 0:
          if (clients.size() < 40) {
            Client client;
            client.chunked = random() % 4 != 0;
            client.type = random() % 3 == 0 ? "a" : "";
            client.first = next_sequence;
            // Some come back with the id of an event that is still in the ring.
            std::string last_id;
            if (next_sequence > 1 && random() % 3 == 0) {
              const uint64_t back = std::min<uint64_t>(next_sequence - 1, random() % 20);
              client.first = next_sequence - back;
              last_id = "ep." + std::to_string(client.first - 1);
            }
            loop.Turn();
            expires_in_ms.reset();
            if (random() % 3 == 0) expires_in_ms = random() % 8'000;
            client.peer = Join(client.type.empty() ? Filter{} : Filter{{client.type}}, last_id,
                               client.chunked ? Framing::kChunked : Framing::kPlain,
                               random() % 3 == 0 ? random() % 200 : testing::FakePeer::kUnlimited);
            clients.push_back(client);
          }
          break;
        case 1:
          if (!clients.empty()) clients[random() % clients.size()].peer->SetBudget(random() % 100);
          break;
        case 2:
        case 3:
          if (!clients.empty()) {
            testing::FakePeer& peer = *clients[random() % clients.size()].peer;
            if (!peer.destroyed()) peer.MakeWritable(1 + random() % 500);
          }
          break;
        case 4:
          if (!clients.empty() && random() % 4 == 0) {
            testing::FakePeer& peer = *clients[random() % clients.size()].peer;
            if (!peer.destroyed()) peer.DeliverEnd();
          }
          break;
        case 5:
          loop.Advance(random() % 1'500);
          break;
        default:
          for (unsigned i = random() % 4; i > 0; --i) PublishOne(random);
          if (random() % 2 == 0) loop.Turn();
          break;
      }
    }
    Settle();
    size_t complete = 0;
    for (Client& client : clients) {
      if (!client.peer->destroyed()) {
        client.peer->MakeWritable();
        Settle();
        client.peer->MakeWritable();
        Settle();
      }
      CheckClient(client, gaps_allowed);
      if (client.peer->destroyed()) continue;
      ++complete;
      uint64_t expected = next_sequence;
      if (!client.type.empty()) {
        while (expected > client.first && TypeOf(expected - 1) != client.type) --expected;
      }
      EXPECT_GE(last_seen_, expected) << "the newest event did not arrive";
    }
    EXPECT_EQ(hub->subscribers(), complete + 1);
    EXPECT_EQ(hub->stats().behind.Get(), 0U);
  }

  uint64_t last_seen_ = 0;
};

TEST_P(HubRandomTest, NothingIsLostOrDoubledWhileTheBufferIsLargeEnough) {
  RunSchedule(config::SlowPolicy::kDisconnect, 1024 * 1024, false);
}

TEST_P(HubRandomTest, SkippedEventsAreToldWithPolicySkip) {
  RunSchedule(config::SlowPolicy::kSkip, 300, true);
}

TEST_P(HubRandomTest, SkippedEventsAreToldWithPolicyLatest) {
  RunSchedule(config::SlowPolicy::kLatest, 300, true);
}

INSTANTIATE_TEST_SUITE_P(Seeds, HubRandomTest, ::testing::Range(1U, 41U));

}  // namespace
}  // namespace sluice::pubsub
