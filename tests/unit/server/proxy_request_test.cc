// A request through the gateway: backpressure both ways, clients that go, retries, redirects.
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/server/worker_fixture.h"

namespace sluice::server {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr auto kPipelined = net::PauseReason::kPipelined;
constexpr auto kBackpressure = net::PauseReason::kBackpressure;

class ProxyRequestTest : public WorkerFixture {
 protected:
  // A chunked answer of which the client has a first piece.
  void BeginStream(const std::string& keys = "buffering: off") {
    Start(Route(keys));
    client_ = Client(Get("/"));
    server_ = Server();
    server_->Deliver(kChunkedHead + Chunk("hello"));
  }
  static std::string Chunk(const std::string& text) {
    return fmt::format("{:x}\r\n{}\r\n", text.size(), text);
  }

  const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  const std::string kChunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  Peer client_;
  Peer server_;
};

// --- backpressure ---

TEST_F(ProxyRequestTest, SlowClientPausesTheServerAndResumesIt) {
  BeginStream();
  EXPECT_THAT(client_->written(), EndsWith("5\r\nhello\r\n"));
  client_->SetBudget(3);
  server_->Deliver(Chunk("more"));
  EXPECT_TRUE(server_->paused(kBackpressure));
  client_->MakeWritable();
  EXPECT_FALSE(server_->paused());
  server_->Deliver(Chunk("end") + "0\r\n\r\n");
  Settle({client_});
  EXPECT_EQ(BodyOf(client_->written()), "5\r\nhello\r\n4\r\nmore\r\n3\r\nend\r\n0\r\n\r\n");
}

TEST_F(ProxyRequestTest, BuffersAreFilledBeforeTheServerIsPaused) {
  Start(Route("buffers: 256KiB"));
  client_ = Client(Get("/"));
  server_ = Server();
  client_->SetBudget(0);
  const std::string piece(32 * 1024, 'a');
  server_->Deliver("HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
  size_t pieces = 0;
  for (; pieces < 100 && !server_->paused(); ++pieces) server_->Deliver(piece);
  EXPECT_GE(pieces * piece.size(), 128U * 1024);
  EXPECT_LE(pieces * piece.size(), 256U * 1024);
}

// By the route, the kind of answer, and X-Accel-Buffering, which overrides both.
TEST_F(ProxyRequestTest, WhetherAnAnswerIsHeldForASlowClient) {
  const std::string length = "Content-Length: 10000000\r\n";
  const std::string events = length + "Content-Type: text/event-stream\r\n";
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  const std::string until_close = "Connection: close\r\n";
  for (const std::string& fields : {length, events, chunked, until_close}) {
    for (const bool on : {true, false}) {
      for (const char* said : {"", "yes", "YES", "no", "No", "maybe"}) {
        const std::string value = said;
        SCOPED_TRACE(fmt::format("{}buffering {}, X-Accel-Buffering: {}", fields, on, value));
        const bool yes = value == "yes" || value == "YES";
        const bool no = value == "no" || value == "No";
        const bool held = yes || (!no && on && fields == length);
        Start(Route(on ? "buffers: 1MiB" : "buffers: 1MiB, buffering: off"));
        client_ = Client(Get("/"));
        server_ = Server();
        client_->SetBudget(0);
        const std::string piece =
            fields == chunked ? Chunk(std::string(32 * 1024, 'a')) : std::string(32 * 1024, 'a');
        server_->Deliver("HTTP/1.1 200 OK\r\n" + fields +
                         (value.empty() ? "" : "X-Accel-Buffering: " + value + "\r\n") + "\r\n" +
                         piece);
        size_t pieces = 1;
        for (; pieces < 100 && !server_->paused(); ++pieces) server_->Deliver(piece);
        EXPECT_EQ(pieces, held ? 32U : 1U);
      }
    }
  }
}

TEST_F(ProxyRequestTest, NoMoreIsReadThanThereIsRoomFor) {
  for (const size_t buffers : {size_t{16} * 1024, size_t{64} * 1024, size_t{1024} * 1024}) {
    SCOPED_TRACE(buffers);
    Start(Route(fmt::format("buffers: {}", buffers)));
    client_ = Client(Get("/"));
    server_ = Server();
    client_->SetBudget(0);
    server_->Deliver("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" +
                     std::string(10'000, 'a'));
    EXPECT_FALSE(server_->paused());
    server_->Deliver(std::string(2'000'000, 'b'));
    EXPECT_TRUE(server_->paused());
    client_->MakeWritable(buffers - 1'024);
    EXPECT_TRUE(server_->paused()) << "the most has not waited";
    client_->MakeWritable(1'024);
    EXPECT_FALSE(server_->paused()) << "more than that has waited";
    EXPECT_EQ(server_->read_limit(), net::kReadBytes) << "whoever takes everything gets it faster";
    client_->SetBudget(testing::FakePeer::kUnlimited);
    server_->Deliver(std::string(990'000, 'c'));
    Settle({client_});
    EXPECT_TRUE(BodyOf(client_->written()) ==
                std::string(10'000, 'a') + std::string(2'000'000, 'b') + std::string(990'000, 'c'));
  }
}

TEST_F(ProxyRequestTest, AnswerThatFitsFreesItsConnectionBeforeTheClientHasTakenIt) {
  for (const bool on : {true, false}) {
    SCOPED_TRACE(on);
    Start(Route(on ? "" : "buffering: off"));
    client_ = Client(Get("/"));
    server_ = Server();
    client_->SetBudget(0);
    server_->Deliver("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
    for (int i = 0; i < 6; ++i) server_->Deliver(std::string(10'000, 'a'));
    const Peer second = Client(Get("/second"));
    Settle({});
    EXPECT_EQ(network_.pending_connects(), on ? 0U : 1U);
    EXPECT_EQ(server_->written().find("/second") != std::string::npos, on);
    if (on) {
      EXPECT_EQ(server_->read_limit(), net::kReadBytes) << "that held for the first answer";
    }
  }
}

TEST_F(ProxyRequestTest, ClientThatTakesNothingIsCut) {
  BeginStream();
  client_->SetBudget(0);
  server_->Deliver(Chunk("more"));
  loop_.Advance(29'000);
  EXPECT_FALSE(client_->destroyed());
  loop_.Advance(2'000);
  EXPECT_TRUE(client_->destroyed());
  EXPECT_TRUE(server_->destroyed());
}

TEST_F(ProxyRequestTest, ClientThatTookNotEvenTheInterimAnswerIsCut) {
  Start(Route("buffering: off"));
  client_ = Client(Get("/"));
  server_ = Server();
  client_->SetBudget(10);
  server_->Deliver("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
  client_->MakeWritable(0);
  server_->Deliver(kChunkedHead + Chunk("hello"));
  EXPECT_TRUE(server_->paused(kBackpressure));
  loop_.Advance(31'000);
  EXPECT_TRUE(client_->destroyed());
  EXPECT_TRUE(server_->destroyed());
}

TEST_F(ProxyRequestTest, SlowServerPausesTheClientAndResumesIt) {
  Start();
  client_ = Client(Post("/", "Content-Length: 400000\r\n", "begin"));
  server_ = Server();
  EXPECT_THAT(server_->TakeWritten(), EndsWith("begin"));
  server_->SetBudget(0);
  client_->Deliver(std::string(100'000, 'a'));
  client_->Deliver(std::string(100'000, 'b'));
  EXPECT_TRUE(client_->paused(kPipelined));
  client_->Deliver(std::string(199'995, 'c') + Get("/next"));  // lies in the socket
  server_->MakeWritable();
  client_->Pump();
  EXPECT_EQ(server_->written(),
            std::string(100'000, 'a') + std::string(100'000, 'b') + std::string(199'995, 'c'));
  server_->Deliver(kOk);
  Settle({client_});
  EXPECT_EQ(StatusOf(client_->written()), "200");
  EXPECT_THAT(server_->written(), HasSubstr("GET /next HTTP/1.1\r\n"));
}

TEST_F(ProxyRequestTest, UploadGoesOnAlthoughTheClientReadsNothingYet) {
  Start(Route("buffering: off"));
  client_ = Client(Post("/", "Content-Length: 400000\r\n", "begin"));
  server_ = Server();
  server_->SetBudget(0);
  client_->Deliver(std::string(100'000, 'a'));
  client_->SetBudget(0);
  server_->Deliver(kChunkedHead + Chunk("early"));
  client_->Deliver(std::string(100'000, 'b'));
  EXPECT_TRUE(client_->paused(kPipelined));
  server_->MakeWritable();
  EXPECT_FALSE(client_->paused()) << "it may send on before it takes anything";
  client_->Pump();
  EXPECT_THAT(server_->written(), EndsWith(std::string(100'000, 'b')));
}

TEST_F(ProxyRequestTest, PartOfTheAnswerThatGoesDoesNotHoldTheUpload) {
  Start(Route("buffering: off"));
  client_ = Client(Post("/", "Content-Length: 400000\r\n", "begin"));
  server_ = Server();
  server_->SetBudget(0);
  client_->Deliver(std::string(100'000, 'a'));
  client_->SetBudget(0);
  server_->Deliver(kChunkedHead + Chunk(std::string(1'000, 'x')));
  client_->Deliver("behind");
  client_->MakeWritable(10);
  server_->MakeWritable();
  client_->MakeWritable(10);
  EXPECT_THAT(server_->written(), EndsWith("behind"));
}

// Apps that want the whole body first often know no chunks.
TEST_F(ProxyRequestTest, BodyThatWasReadFirstHasALengthAndNoTrailers) {
  for (const bool first : {true, false}) {
    Start(Route(first ? "request_buffering: on" : ""));
    client_ = Client(Post("/", "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n",
                          Chunk("hel") + Chunk("lo") + "0\r\nX-Sum: 1\r\n\r\n"));
    server_ = Server();
    EXPECT_THAT(server_->written(), HasSubstr(first ? "\r\nContent-Length: 5\r\n"
                                                    : "\r\nTransfer-Encoding: chunked\r\n"));
    EXPECT_THAT(server_->written(), EndsWith(first ? "\r\n\r\nhello" : "0\r\nX-Sum: 1\r\n\r\n"));
    EXPECT_EQ(server_->written().find("X-Sum") == std::string::npos, first);
  }
}

// --- clients that go ---

TEST_F(ProxyRequestTest, ClientMayGoAtAnyTime) {
  using Go = void (*)(testing::FakePeer&);
  const Go ways[] = {[](testing::FakePeer& peer) { peer.DeliverEnd(); },
                     [](testing::FakePeer& peer) { peer.Kill(ECONNRESET); },
                     [](testing::FakePeer& peer) { peer.FailWrites(EPIPE); }};
  Start(Route("buffering: off"));
  for (const Go go : ways) {
    for (int phase = 0; phase < 6; ++phase) {
      SCOPED_TRACE(phase);
      if (phase == 0 && go == ways[2]) continue;  // nothing is written yet
      const bool upload = phase == 2;
      client_ = Client(upload ? Post("/", "Content-Length: 100\r\n", "begin") : Get("/"));
      if (phase == 0) {
        go(*client_);
        EXPECT_EQ(network_.pending_connects(), 0U) << "the call is given up";
        EXPECT_TRUE(client_->destroyed());
        loop_.Turn();
        continue;
      }
      server_ = Server();
      if (phase == 3) server_->Deliver("HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n");
      if (phase >= 4) server_->Deliver(kChunkedHead + Chunk("hello"));
      if (phase == 5) {
        client_->SetBudget(0);
        server_->Deliver(Chunk("more"));
      }
      go(*client_);
      if (go == ways[2]) {  // it shows at the next write
        server_->Pump();
        if (!server_->paused()) server_->Deliver(phase >= 4 ? Chunk("more") : kOk);
      }
      client_->MakeWritable();
      loop_.Turn();
      client_->MakeWritable();
      EXPECT_TRUE(client_->destroyed());
      EXPECT_TRUE(server_->destroyed() || (go == ways[2] && phase < 4))
          << "but for an answer that was complete";
      loop_.Turn();
      if (!server_->destroyed()) server_->DeliverEnd();
    }
  }
  EXPECT_EQ(Counted("/", 499), 8U) << "before the answer";
}

TEST_F(ProxyRequestTest, ClientMayGoWhileNobodyReadsFromIt) {
  Start();
  for (const bool upload : {false, true}) {
    SCOPED_TRACE(upload);
    client_ = Client(upload ? Post("/", "Content-Length: 400000\r\n", "begin") : Get("/"));
    server_ = Server();
    server_->SetBudget(0);
    client_->Deliver(upload ? std::string(100'000, 'a') : Get("/next"));
    if (upload) client_->Deliver(std::string(299'995, 'b'));
    EXPECT_TRUE(client_->paused(kPipelined));
    client_->DeliverEnd();
    EXPECT_TRUE(client_->destroyed());
    loop_.Turn();
    EXPECT_TRUE(server_->destroyed());
  }
  EXPECT_EQ(Counted("/", 499), 2U);
}

// --- trying again ---

TEST_F(ProxyRequestTest, KeptConnectionThatProvesDeadIsTriedAgainOnlyWhereThatIsSafe) {
  Start();
  const auto tried_again = [this](const std::string& request, const std::string& first = "") {
    client_ = Client(Get("/"));
    server_ = Server();
    server_->Deliver(kOk);
    Settle({client_});
    static_cast<void>(client_->TakeWritten());
    client_->Deliver(request);
    loop_.Turn();
    loop_.Turn();
    if (!first.empty()) server_->Deliver(first);
    server_->DeliverEnd();
    loop_.Turn();
    const bool again = network_.pending_connects() > 0;
    client_->Kill(ECONNRESET);
    loop_.Turn();
    return again;
  };
  EXPECT_TRUE(tried_again(Get("/")));
  EXPECT_TRUE(tried_again("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_FALSE(tried_again(Post("/", "Content-Length: 0\r\n"))) << "it may have been done";
  EXPECT_TRUE(tried_again("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_TRUE(tried_again("OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_FALSE(tried_again("PATCH / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_FALSE(tried_again("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"));
  EXPECT_FALSE(tried_again(Get("/"), "H")) << "a byte of an answer";
  EXPECT_FALSE(tried_again(Get("/"), "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"));
}

// --- limit_rate ---

TEST_F(ProxyRequestTest, LimitedRateHoldsTheServer) {
  Start(Route("limit_rate: 10KiB"));
  client_ = Client(Get("/"));
  server_ = Server();
  server_->Deliver("HTTP/1.1 200 OK\r\nContent-Length: 40960\r\n\r\n" + std::string(40'960, 'a'));
  EXPECT_EQ(BodyOf(client_->written()).size(), 1'025U) << "a tenth of a second's worth at once";
  EXPECT_FALSE(client_->destroyed());
  loop_.Advance(1'000);
  EXPECT_NEAR(static_cast<double>(BodyOf(client_->written()).size()), 11'265, 1'025);
  loop_.Advance(4'000);
  EXPECT_EQ(BodyOf(client_->written()).size(), 40'960U);
}

TEST_F(ProxyRequestTest, ServersRateComesBeforeTheRoutes) {
  Start(Route("limit_rate: 10KiB"));
  client_ = Client(Get("/"));
  server_ = Server();
  server_->Deliver("HTTP/1.1 200 OK\r\nX-Accel-Limit-Rate: 0\r\nContent-Length: 40960\r\n\r\n" +
                   std::string(40'960, 'a'));
  EXPECT_EQ(BodyOf(client_->written()).size(), 40'960U);
  EXPECT_THAT(client_->written(), Not(HasSubstr("X-Accel")));
}

TEST_F(ProxyRequestTest, ClientMayGoWhileBytesAreHeldBack) {
  for (const bool complete : {false, true}) {
    Start(Route("limit_rate: 1KiB"));
    client_ = Client(Get("/"));
    server_ = Server();
    server_->Deliver("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" +
                     std::string(complete ? 5'000 : 4'000, 'a'));
    loop_.Advance(500);
    client_->DeliverEnd();
    EXPECT_TRUE(client_->destroyed());
    loop_.Advance(1'000);
    EXPECT_TRUE(server_->destroyed() || complete);
  }
}

// --- X-Accel-Redirect ---

TEST_F(ProxyRequestTest, RedirectBeforeTheBodyWasTakenDropsTheRestOfIt) {
  for (const char* answer : {"Content-Length: 0\r\n\r\n", "Content-Length: 5\r\n\r\n",
                             "Transfer-Encoding: chunked\r\n\r\n"}) {
    SCOPED_TRACE(answer);
    Start();
    client_ = Client(Post("/", "Content-Length: 400000\r\n", "begin"));
    server_ = Server();
    server_->SetBudget(0);
    client_->Deliver(std::string(200'000, 'a'));
    client_->Deliver(std::string(100'000, 'b'));
    EXPECT_TRUE(client_->paused(kPipelined)) << "the server takes nothing";
    server_->Deliver(std::string("HTTP/1.1 200 OK\r\nX-Accel-Redirect: /other\r\n") + answer);
    EXPECT_TRUE(server_->destroyed()) << "it did not take the body";
    EXPECT_FALSE(client_->paused());
    client_->Deliver(std::string(99'995, 'c'));
    Settle({client_});
    server_ = Server();
    EXPECT_THAT(server_->written(), StartsWith("GET /other HTTP/1.1\r\n"));
    EXPECT_THAT(server_->written(), Not(HasSubstr("Content-Length")));
    server_->Deliver(kOk);
    Settle({client_});
    EXPECT_EQ(StatusOf(client_->written()), "200");
  }
}

}  // namespace
}  // namespace sluice::server
