// One call and its answer: what is written, what is told, and how it ends.

#include <cerrno>

#include <gmock/gmock.h>

#include "unit/proxy/upstream_fixture.h"

namespace sluice::proxy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using CallTest = UpstreamFixture;

TEST_F(CallTest, SendsTheHeadAndTellsTheAnswer) {
  Make();
  Caller& caller = Start();
  EXPECT_EQ(network_.connect_endpoint(0).ToString(), "192.0.2.1:80");
  EXPECT_EQ(network_.connect_timeout_ms(0), 2'000U);
  const auto peer = Connect();
  EXPECT_EQ(peer->written(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(peer->writes(), 1U);
  peer->Deliver(kOk);
  EXPECT_THAT(caller.lines, ElementsAre("head 200", "body ok", "end"));
  EXPECT_EQ(caller.call->record().server, "192.0.2.1:80");
  EXPECT_EQ(caller.call->record().tries, 1U);
  EXPECT_FALSE(caller.call->record().reused);
  EXPECT_EQ(server_stats().answers(200), 1U);
  EXPECT_EQ(server_stats().connects.Get(), 1U);
  EXPECT_EQ(server_stats().active.Get(), 0U);
  EXPECT_EQ(server_stats().idle.Get(), 1U);
}

TEST_F(CallTest, RecordsTimesAndBytes) {
  Make();
  const CallRequest request = Post();
  const size_t head_size = request.head.size();
  Caller& caller = Start(request);
  const CallRecord& record = caller.call->record();
  loop_.Advance(10);
  const auto peer = Connect();
  EXPECT_EQ(record.connect_ns, 10'000'000U);
  caller.call->SendBody("hello");
  caller.call->EndBody({});
  EXPECT_EQ(record.bytes_sent, head_size + 5);
  loop_.Advance(20);
  constexpr std::string_view kHead = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
  peer->Deliver(kHead);
  EXPECT_EQ(record.head_ns, 30'000'000U);
  EXPECT_EQ(record.bytes_received, kHead.size());
  EXPECT_EQ(record.end_ns, 0U);
  loop_.Advance(40);
  peer->Deliver("ok");
  EXPECT_EQ(caller.lines.back(), "end");
  EXPECT_EQ(record.end_ns, 70'000'000U);
  EXPECT_EQ(record.bytes_received, kHead.size() + 2);
  EXPECT_EQ(*record.address, "192.0.2.1:80");
  EXPECT_TRUE(record.failures.empty());
}

TEST_F(CallTest, RecordsTheConnectionThatAnsweredAlone) {
  Make();
  const auto stale = KeptConnection();
  Caller& caller = Start();
  stale->DeliverEnd();
  const auto peer = Connect();
  peer->Deliver(kOk);
  const CallRecord& record = caller.call->record();
  EXPECT_EQ(record.tries, 2U);
  EXPECT_EQ(record.bytes_sent, Get().head.size());
  EXPECT_EQ(record.bytes_received, kOk.size());
  EXPECT_TRUE(record.failures.empty()) << "a dead kept connection is no fault of the server";
}

TEST_F(CallTest, TellsAnAnswerThatIsTornAnywhere) {
  Make();
  const std::string answer =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  for (size_t cut = 1; cut < answer.size(); ++cut) {
    Caller& caller = Start();
    const auto peer = Connect();
    peer->Deliver(std::string_view(answer).substr(0, cut));
    peer->Deliver(std::string_view(answer).substr(cut));
    EXPECT_EQ(caller.body, "abcde") << cut;
    EXPECT_EQ(caller.lines.back(), "end") << cut;
    EXPECT_FALSE(peer->destroyed());
    peer->DeliverEnd();
  }
}

TEST_F(CallTest, AnswersToHeadAnd204And304HaveNoBody) {
  Make();
  CallRequest head = Get();
  head.head_method = true;
  Caller& caller = Start(std::move(head));
  const auto peer = Connect();
  peer->Deliver("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  EXPECT_THAT(caller.lines, ElementsAre("head 200", "end"));
  for (const std::string_view answer : {"HTTP/1.1 204 No Content\r\n\r\n",
                                        "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"}) {
    Caller& next = Start();
    peer->Deliver(answer);
    EXPECT_EQ(next.lines.size(), 2U);
    EXPECT_EQ(next.lines.back(), "end");
    EXPECT_TRUE(next.call->record().reused);
  }
  EXPECT_EQ(network_.connects(), 1U);
}

TEST_F(CallTest, BodyUntilTheEndOfTheConnection) {
  Make();
  Caller& caller = Start();
  const auto peer = Connect();
  peer->Deliver("HTTP/1.1 200 OK\r\n\r\nabc");
  EXPECT_THAT(caller.lines, ElementsAre("head 200", "body abc"));
  peer->DeliverEnd();
  EXPECT_EQ(caller.lines.back(), "end");
  EXPECT_TRUE(peer->destroyed());
}

TEST_F(CallTest, TellsInterimAnswersAndTrailers) {
  Make();
  Caller& caller = Start();
  const auto peer = Connect();
  peer->Deliver(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n"
      "Content-Length: 9\r\n\r\n");
  EXPECT_THAT(caller.lines, ElementsAre("interim 103", "head 200", "body ok", "end X-Sum: 7\r\n"));
  EXPECT_FALSE(peer->destroyed());
}

TEST_F(CallTest, CallMayBeDroppedAtAnInterimAnswer) {
  Make();
  Caller& caller = Start();
  caller.abort_at = "interim";
  const auto peer = Connect();
  peer->Deliver("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
  EXPECT_THAT(caller.lines, ElementsAre("interim 103"));
  EXPECT_TRUE(peer->destroyed());
}

TEST_F(CallTest, SwitchedProtocolHandsTheStreamOver) {
  constexpr std::string_view kSwitched =
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nfirst";
  Make();
  CallRequest request = Get();
  request.upgrade = true;
  Caller& caller = Start(std::move(request));
  const auto peer = Connect();
  peer->Deliver(kSwitched);
  EXPECT_THAT(caller.lines, ElementsAre("upgraded 101 first"));
  ASSERT_NE(caller.stream, nullptr);
  EXPECT_FALSE(peer->destroyed());
  EXPECT_EQ(server_stats().active.Get(), 1U) << "it is still with the server";
  caller.stream.reset();
  EXPECT_EQ(server_stats().active.Get(), 0U);
  Caller& unasked = Start();
  const auto other = Connect();
  other->Deliver(kSwitched);
  loop_.Turn();
  EXPECT_THAT(unasked.lines, ElementsAre("failed protocol"));
  EXPECT_TRUE(other->destroyed());
}

TEST_F(CallTest, SendsABodyInItsFraming) {
  Make();
  Caller& plain = Start(Post());
  plain.call->SendBody("before ");
  auto peer = Connect();
  plain.call->SendBody("after");
  plain.call->EndBody({});
  EXPECT_EQ(peer->written(), "POST / HTTP/1.1\r\nHost: a\r\n\r\nbefore after");
  peer->Deliver(kOk);
  EXPECT_EQ(plain.lines.back(), "end");

  static_cast<void>(peer->TakeWritten());
  Caller& chunked = Start(Post(CallRequest::Body::kChunked));
  EXPECT_EQ(peer->writes(), 2U);
  chunked.call->SendBody("0123456789abcdefg");
  EXPECT_EQ(peer->writes(), 3U) << "the head goes out with the first bytes of the body";
  chunked.call->EndBody("X-Sum: 1\r\n");
  EXPECT_EQ(peer->written(),
            "POST / HTTP/1.1\r\nHost: a\r\n\r\n11\r\n0123456789abcdefg\r\n0\r\nX-Sum: 1\r\n\r\n");
  peer->Deliver(kOk);
  EXPECT_EQ(chunked.lines.back(), "end");
}

TEST_F(CallTest, HeadDoesNotWaitForABodyThatIsLate) {
  Make();
  const auto peer = KeptConnection();
  Caller& caller = Start(Post());
  EXPECT_EQ(peer->written(), "");
  loop_.Turn();
  EXPECT_EQ(peer->written(), "POST / HTTP/1.1\r\nHost: a\r\n\r\n");
  caller.call->SendBody("x");
  caller.call->EndBody({});
  peer->Deliver(kOk);
  EXPECT_EQ(caller.lines.back(), "end");
}

TEST_F(CallTest, KeepsWhatTheServerDoesNotTakeAndTellsWhenItIsGone) {
  Make();
  Caller& caller = Start(Post());
  const auto peer = Connect();
  loop_.Turn();
  static_cast<void>(peer->TakeWritten());
  peer->SetBudget(3);
  caller.call->SendBody("abcdef");
  EXPECT_EQ(caller.call->unsent(), 3U);
  EXPECT_TRUE(peer->wants_writable());
  caller.call->SendBody("ghi");
  EXPECT_EQ(caller.call->unsent(), 6U);
  EXPECT_TRUE(caller.lines.empty());
  peer->MakeWritable(4);
  EXPECT_EQ(caller.call->unsent(), 2U);
  EXPECT_TRUE(caller.lines.empty());
  peer->MakeWritable();
  EXPECT_THAT(caller.lines, ElementsAre("sendable"));
  EXPECT_FALSE(peer->wants_writable());
  EXPECT_EQ(peer->written(), "abcdefghi");
  caller.call->EndBody({});
  peer->Deliver(kOk);
  EXPECT_EQ(caller.lines.back(), "end");
  EXPECT_FALSE(peer->destroyed());
}

TEST_F(CallTest, TellsWhenWhatCameBeforeTheConnectionIsGone) {
  Make();
  Caller& caller = Start(Post());
  caller.call->SendBody("abc");
  EXPECT_EQ(caller.call->unsent(), 3U);
  const auto peer = Connect();
  EXPECT_THAT(caller.lines, ElementsAre("sendable"));
  EXPECT_THAT(peer->written(), HasSubstr("\r\n\r\nabc"));
}

TEST_F(CallTest, EarlyAnswerEndsTheCallAndTheConnection) {
  Make();
  Caller& caller = Start(Post());
  const auto peer = Connect();
  caller.call->SendBody("part");
  peer->Deliver("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(caller.lines, ElementsAre("head 413", "end"));
  EXPECT_TRUE(peer->destroyed());
  caller.call->SendBody("more");
  caller.call->EndBody({});
  EXPECT_EQ(caller.call->unsent(), 0U);
}

TEST_F(CallTest, AnswerIsHeardAfterTheServerStoppedListening) {
  Make();
  Caller& caller = Start(Post());
  const auto peer = Connect();
  caller.call->SendBody("part");
  peer->FailWrites(EPIPE);
  caller.call->SendBody("more");
  EXPECT_TRUE(caller.lines.empty());
  peer->Deliver("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(caller.lines, ElementsAre("head 413", "end"));
  EXPECT_TRUE(peer->destroyed());
}

TEST_F(CallTest, ServerThatStoppedListeningAndSaysNothingHasFailed) {
  Make();
  Caller& caller = Start(Post());
  const auto peer = Connect();
  caller.call->SendBody("part");
  peer->FailWrites(EPIPE);
  caller.call->SendBody("more");
  loop_.Advance(1'200);
  EXPECT_THAT(caller.lines, ElementsAre("failed send"));
  EXPECT_EQ(caller.status, 502);
  EXPECT_TRUE(peer->destroyed());
}

TEST_F(CallTest, PausedReadingHoldsTheRestOfAPieceAndTheEnd) {
  Make();
  Caller& caller = Start();
  const auto peer = Connect();
  caller.react = [&](std::string_view line) {
    if (line == "body ab") caller.call->PauseReading();
  };
  peer->Deliver(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nab\r\n2\r\ncd\r\n2\r\nef\r\n0\r\n\r\n");
  EXPECT_THAT(caller.lines, ElementsAre("head 200", "body ab"));
  loop_.Turn();
  EXPECT_EQ(caller.lines.size(), 2U);
  caller.call->ResumeReading();
  EXPECT_EQ(caller.lines.size(), 2U);
  loop_.Turn();
  EXPECT_THAT(caller.lines, ElementsAre("head 200", "body ab", "body cdef", "end"));
  EXPECT_FALSE(peer->destroyed());
  EXPECT_FALSE(peer->paused());
}

TEST_F(CallTest, PausedReadingPausesTheServer) {
  Make();
  Caller& caller = Start();
  const auto peer = Connect();
  peer->Deliver("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab");
  caller.call->PauseReading();
  EXPECT_TRUE(peer->paused());
  peer->Deliver("cd");
  loop_.Advance(100'000);
  EXPECT_EQ(caller.body, "ab") << "nor does the read timeout run";
  caller.call->ResumeReading();
  peer->Pump();
  peer->Deliver("ef");
  EXPECT_EQ(caller.body, "abcdef");
  EXPECT_EQ(caller.lines.back(), "end");
}

TEST_F(CallTest, CallMayBeDestroyedInAnyCallback) {
  Make();
  for (const std::string at : {"head", "body", "end"}) {
    Caller& caller = Start();
    caller.abort_at = at;
    const auto peer = Connect();
    peer->Deliver(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n");
    EXPECT_TRUE(caller.lines.back().starts_with(at));
    EXPECT_EQ(peer->destroyed(), at != "end");
    loop_.Turn();
    EXPECT_EQ(server_stats().active.Get(), 0U);
    peer->DeliverEnd();
  }
  Caller& failing = Start();
  failing.abort_at = "failed";
  RefuseConnect();
  loop_.Turn();
  EXPECT_THAT(failing.lines, ElementsAre("failed connect"));
}

TEST_F(CallTest, DestroyingTheCallAborts) {
  Make();
  Caller& connecting = Start();
  connecting.call.reset();
  EXPECT_EQ(network_.pending_connects(), 0U);
  Caller& waiting = Start();
  const auto peer = Connect();
  waiting.call.reset();
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(server_stats().active.Get(), 0U);
}

TEST_F(CallTest, NextCallMayStartInTheEndOfTheLast) {
  Make();
  Caller& first = Start();
  const auto peer = Connect();
  Caller second;
  first.react = [&](std::string_view line) {
    if (line == "end") second.call = upstream_->Start(Get(), second);
  };
  peer->Deliver(kOk);
  EXPECT_EQ(network_.connects(), 1U);
  peer->Deliver(kOk);
  EXPECT_THAT(second.lines, ElementsAre("head 200", "body ok", "end"));
}

}  // namespace
}  // namespace sluice::proxy
