#include "server/accept_header.h"

#include <gtest/gtest.h>

namespace sluice::server {
namespace {

TEST(AcceptHeaderTest, RangesThatCoverAnEventStreamAreAccepted) {
  for (const char* accept : {"text/event-stream", "*/*", "text/*", "TEXT/Event-Stream",
                             "text/html, text/event-stream;q=0.5", "application/json, */*;q=0.1",
                             "text/event-stream; charset=utf-8", "", " , "}) {
    EXPECT_TRUE(AcceptsEventStream(accept)) << accept;
  }
}

TEST(AcceptHeaderTest, FieldsThatExcludeItAreRefused) {
  for (const char* accept : {"application/json", "text/html, image/*", "text/event-stream;q=0",
                             "text/event-stream;q=0.000, */*", "text/*;q=0, */*"}) {
    EXPECT_FALSE(AcceptsEventStream(accept)) << accept;
  }
}

TEST(AcceptHeaderTest, TheMostSpecificRangeDecides) {
  EXPECT_TRUE(AcceptsEventStream("*/*;q=0, text/event-stream"));
  EXPECT_TRUE(AcceptsEventStream("text/event-stream, text/*;q=0"));
}

TEST(AcceptHeaderTest, EventSourceNamesIt) {
  for (const char* accept : {"text/event-stream", "TEXT/Event-Stream; charset=utf-8",
                             "text/html, text/event-stream;q=0.5"}) {
    EXPECT_TRUE(NamesEventStream(accept)) << accept;
  }
  for (const char* accept : {"", "*/*", "text/*", "text/html, image/*", "x-text/event-stream"}) {
    EXPECT_FALSE(NamesEventStream(accept)) << accept;
  }
}

}  // namespace
}  // namespace sluice::server
