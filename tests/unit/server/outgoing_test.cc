#include "server/outgoing.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/fake_stream.h"

namespace sluice::server {
namespace {

class OutgoingTest : public ::testing::Test {
 protected:
  ssize_t Through(const std::vector<std::string>& bytes, bool writable = true) {
    std::vector<iovec> parts;
    for (const std::string& part : bytes) {
      parts.push_back({const_cast<char*>(part.data()), part.size()});
    }
    return outgoing_.WriteThrough(stream_, parts, writable);
  }
  ssize_t Write() { return outgoing_.Write(stream_); }

  testing::FakeStream stream_;
  testing::FakePeer& peer_ = *stream_.other_end();
  Outgoing outgoing_;
};

TEST_F(OutgoingTest, HeadAndPiecesAreOneWrite) {
  outgoing_.AppendHead(std::string_view("head "));
  EXPECT_EQ(outgoing_.size(), 5U);
  EXPECT_EQ(Through({"one ", "two"}), 12);
  EXPECT_EQ(peer_.written(), "head one two");
  EXPECT_EQ(peer_.writes(), 1U);
  EXPECT_TRUE(outgoing_.empty());
  EXPECT_LE(outgoing_.capacity(), 2 * std::string().capacity()) << "its memory was given back";
}

TEST_F(OutgoingTest, WhateverTheKernelTakesNothingIsLostOrTwice) {
  const std::string all = "head body one two three ";
  for (size_t first = 0; first <= all.size(); ++first) {
    for (size_t step = 1; step <= all.size(); step += 3) {
      testing::FakeStream stream;
      testing::FakePeer& peer = *stream.other_end();
      Outgoing outgoing;
      outgoing.AppendHead(std::string_view("head "));
      outgoing.SetBody("body ");
      const std::vector<std::string> pieces = {"one ", "two ", "three "};
      std::vector<iovec> parts;
      for (const std::string& part : pieces) {
        parts.push_back({const_cast<char*>(part.data()), part.size()});
      }
      peer.SetBudget(first);
      ASSERT_EQ(outgoing.WriteThrough(stream, parts, true), static_cast<ssize_t>(first));
      ASSERT_EQ(outgoing.size(), all.size() - first);
      while (!outgoing.empty()) {
        peer.SetBudget(step);
        ASSERT_GT(outgoing.Write(stream), 0);
      }
      ASSERT_EQ(peer.written(), all) << first << " bytes, then " << step;
    }
  }
}

TEST_F(OutgoingTest, NothingIsTriedWhereNothingIsTaken) {
  EXPECT_EQ(Through({"one ", "two"}, false), 0);
  EXPECT_EQ(peer_.write_calls(), 0U);
  EXPECT_EQ(outgoing_.size(), 7U);
  EXPECT_EQ(Write(), 7);
  EXPECT_EQ(peer_.written(), "one two");
}

TEST_F(OutgoingTest, FailureIsReturned) {
  outgoing_.AppendHead(std::string_view("head "));
  peer_.FailWrites(EPIPE);
  EXPECT_EQ(Through({"one"}), -EPIPE);
}

TEST_F(OutgoingTest, MoreMayComeBehindAHeadThatWasTakenInPart) {
  peer_.SetBudget(3);
  outgoing_.AppendHead(std::string_view("early "));
  EXPECT_EQ(Write(), 3);
  outgoing_.AppendHead(std::string("late "));
  EXPECT_EQ(Through({"body"}, false), 0);
  peer_.SetBudget(testing::FakePeer::kUnlimited);
  EXPECT_EQ(Write(), 12);
  EXPECT_EQ(peer_.written(), "early late body");
}

// A client can take just as much as comes, for as long as it wants.
TEST_F(OutgoingTest, MemoryIsBoundedByWhatWaitsNotByWhatWasSent) {
  const std::string piece(1'000, 'a');
  peer_.SetBudget(0);
  outgoing_.AppendHead(std::string_view("head"));
  EXPECT_EQ(Through({piece, piece, piece}), 0);
  for (int i = 0; i < 10'000; ++i) {
    peer_.SetBudget(piece.size());
    ASSERT_EQ(Through({piece}), 1'000);
    ASSERT_EQ(outgoing_.size(), 3'004U);
    ASSERT_LE(outgoing_.capacity(), 20'000U) << "after " << i;
  }
  peer_.SetBudget(testing::FakePeer::kUnlimited);
  EXPECT_EQ(Write(), 3'004);
  EXPECT_EQ(peer_.written().size(), 10'003'004U);
  EXPECT_EQ(peer_.written().substr(0, 5), "heada");
  EXPECT_EQ(std::count(peer_.written().begin() + 4, peer_.written().end(), 'a'), 10'003'000);
}

TEST_F(OutgoingTest, MemoryIsLittleMoreThanWhatWaits) {
  const std::string piece(10'000, 'a');
  peer_.SetBudget(0);
  outgoing_.AppendHead(std::string(200, 'h'));
  for (int i = 1; i <= 100; ++i) {
    EXPECT_EQ(Through({piece}), 0);
    ASSERT_LE(outgoing_.capacity(), outgoing_.size() * 9 / 8 + 1'000) << i << " pieces";
  }
  peer_.SetBudget(testing::FakePeer::kUnlimited);
  EXPECT_EQ(Write(), 1'000'200);
  EXPECT_EQ(peer_.written().find('a'), 200U);
}

}  // namespace
}  // namespace sluice::server
