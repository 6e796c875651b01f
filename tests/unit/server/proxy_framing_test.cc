// How an upstream's answer reaches the client: framing, truncation, errors.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/server/worker_fixture.h"

namespace sluice::server {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ProxyFramingTest : public WorkerFixture {
 protected:
  void SetUp() override {
    WorkerFixture::SetUp();
    Start();
  }
  // What the client gets for `answer` to `request`; `end`: the server closes behind it.
  std::string Answered(const std::string& request, const std::string& answer, bool end = false) {
    client_ = Client(request);
    server_ = Server();
    server_->Deliver(answer);
    if (end) server_->DeliverEnd();
    Settle({client_});
    return client_->written();
  }
  // Another request follows on the client's connection.
  bool ClientIsKept() {
    static_cast<void>(client_->TakeWritten());
    if (client_->destroyed() || client_->shut_down()) return false;
    client_->Deliver(Get("/again"));
    const bool asked = network_.pending_connects() > 0 || !server_->TakeWritten().empty();
    return asked;
  }

  const std::string kChunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nTook: 3\r\n\r\n";
  const std::string kLength = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  const std::string kOld = "GET / HTTP/1.0\r\nHost: a\r\n\r\n";
  Peer client_;
  Peer server_;
};

TEST_F(ProxyFramingTest, LengthStaysAsItIs) {
  const std::string answer = Answered(Get("/"), kLength);
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 5\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("Transfer-Encoding")));
  EXPECT_EQ(BodyOf(answer), "hello");
  EXPECT_TRUE(ClientIsKept());
}

TEST_F(ProxyFramingTest, ChunksAreMadeAnewAndTrailersFollow) {
  const std::string answer = Answered(Get("/"), kChunked);
  EXPECT_THAT(answer, HasSubstr("\r\nTransfer-Encoding: chunked\r\n"));
  EXPECT_EQ(BodyOf(answer), "5\r\nhello\r\n0\r\nTook: 3\r\n\r\n");
  EXPECT_TRUE(ClientIsKept());
}

TEST_F(ProxyFramingTest, BodyThatEndsWithTheServersConnectionIsChunkedHere) {
  const std::string answer = Answered(Get("/"), "HTTP/1.1 200 OK\r\n\r\nhello", true);
  EXPECT_EQ(BodyOf(answer), "5\r\nhello\r\n0\r\n\r\n");
  EXPECT_TRUE(ClientIsKept());
  EXPECT_TRUE(server_->destroyed());
}

TEST_F(ProxyFramingTest, Http10ClientGetsNoChunksAndTheEndOfTheConnection) {
  const std::string answer = Answered(kOld, kChunked);
  EXPECT_THAT(answer, Not(HasSubstr("Transfer-Encoding")));
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_EQ(BodyOf(answer), "hello");
  EXPECT_TRUE(client_->destroyed() || client_->shut_down());
}

TEST_F(ProxyFramingTest, Http10ClientThatAsksIsKeptIfTheLengthIsKnown) {
  const std::string keep = "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_THAT(Answered(keep, kLength), HasSubstr("\r\nConnection: keep-alive\r\n"));
  EXPECT_TRUE(ClientIsKept());
}

TEST_F(ProxyFramingTest, Http10ClientThatAsksIsNotKeptIfItIsNot) {
  const std::string keep = "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_THAT(Answered(keep, kChunked), HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_TRUE(client_->destroyed() || client_->shut_down());
}

TEST_F(ProxyFramingTest, HeadHasTheLengthAndNoBody) {
  const std::string answer = Answered("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
                                      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 5\r\n"));
  EXPECT_EQ(BodyOf(answer), "");
  EXPECT_FALSE(server_->destroyed()) << "a clean end";
  EXPECT_TRUE(ClientIsKept());
}

TEST_F(ProxyFramingTest, BodyBehindHeadIsNotPassedOnAndNotRead) {
  const std::string answer = Answered("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", kLength);
  EXPECT_EQ(BodyOf(answer), "");
  EXPECT_TRUE(server_->destroyed()) << "nobody knows what comes next there";
  EXPECT_TRUE(ClientIsKept());
}

TEST_F(ProxyFramingTest, StatusesWithoutBodyHaveNone) {
  for (const char* status : {"204 No Content", "304 Not Modified"}) {
    const std::string answer =
        Answered(Get("/"), std::string("HTTP/1.1 ") + status + "\r\nETag: \"x\"\r\n\r\n");
    EXPECT_THAT(answer, HasSubstr("ETag"));
    EXPECT_THAT(answer, Not(HasSubstr("Transfer-Encoding"))) << status;
    EXPECT_EQ(BodyOf(answer), "") << status;
    EXPECT_TRUE(ClientIsKept()) << status;
    server_->DeliverEnd();
    client_->Kill(0);
    Settle({});
  }
}

TEST_F(ProxyFramingTest, BodyShorterThanSaidBreaksTheClientsConnection) {
  const std::string answer =
      Answered(Get("/"), "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", true);
  EXPECT_EQ(BodyOf(answer), "hello") << "what came is passed on, and nothing made up";
  EXPECT_TRUE(client_->destroyed());
}

TEST_F(ProxyFramingTest, ChunksWithoutEndHaveNoneHere) {
  const std::string answer = Answered(
      Get("/"), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true);
  EXPECT_EQ(BodyOf(answer), "5\r\nhello\r\n");
  EXPECT_TRUE(client_->destroyed());
}

TEST_F(ProxyFramingTest, ServersResetInTheBodyBreaksTheClientsConnection) {
  client_ = Client(Get("/"));
  server_ = Server();
  server_->Deliver("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  EXPECT_THAT(client_->written(), EndsWith("5\r\nhello\r\n"));
  server_->Kill(ECONNRESET);
  Settle({client_});
  EXPECT_THAT(client_->written(), EndsWith("5\r\nhello\r\n"));
  EXPECT_TRUE(client_->destroyed());
  EXPECT_TRUE(server_->destroyed());
}

TEST_F(ProxyFramingTest, BytesBehindTheAnswerEndTheServersConnectionOnly) {
  const std::string answer = Answered(Get("/"), kLength + "HTTP/1.1 200 OK\r\n");
  EXPECT_EQ(BodyOf(answer), "hello");
  EXPECT_TRUE(server_->destroyed());
  EXPECT_TRUE(ClientIsKept());
}

TEST_F(ProxyFramingTest, InterimAnswersGoToThoseWhoKnowThem) {
  const std::string early = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
  EXPECT_THAT(Answered(Get("/"), early + kLength),
              StartsWith("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(ClientIsKept());
  Settle({client_});
  client_->Kill(0);
  server_->Kill(0);
  EXPECT_THAT(Answered(kOld, early + kLength), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(ProxyFramingTest, NoAnswerIsA502AndATimeoutA504) {
  EXPECT_EQ(StatusOf(Answered(Get("/"), "", true)), "502");
  EXPECT_EQ(StatusOf(Answered(Get("/"), "SSH-2.0-OpenSSH\r\n")), "502");
  client_ = Client(Get("/"));
  server_ = Server();
  loop_.Advance(61'000);
  EXPECT_EQ(StatusOf(client_->written()), "504");
  EXPECT_TRUE(server_->destroyed());
}

TEST_F(ProxyFramingTest, AnswerBeforeTheBodyWasReadEndsTheConnection) {
  client_ = Client(Post("/", "Content-Length: 200000\r\n", "begin"));
  server_ = Server();
  server_->Deliver("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  Settle({client_});
  EXPECT_EQ(StatusOf(client_->written()), "403");
  EXPECT_THAT(client_->written(), HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_TRUE(server_->destroyed()) << "it still waits for the rest of the body";
  EXPECT_TRUE(client_->shut_down());
  EXPECT_FALSE(client_->destroyed()) << "a reset would destroy the answer on its way";
}

class ProxyErrorPageTest : public WorkerFixture {
 protected:
  void Begin(const std::string& keys) {
    Start(Route("error_pages: {502: \"<p>sorry\", 401: \"<p>who\"}" + keys));
    client_ = Client(Get("/?token=s3cret"));
    server_ = Server();
  }
  Peer client_;
  Peer server_;
};

TEST_F(ProxyErrorPageTest, IsForWhatTheGatewayAnswers) {
  Begin("");
  server_->Deliver("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\ntheir");
  Settle({client_});
  EXPECT_EQ(BodyOf(client_->TakeWritten()), "their") << "the app's own errors are its own";
  client_->Deliver(Get("/"));
  server_->DeliverEnd();
  network_.FailConnect({.code = Errc::kSystem, .message = "refused"});
  Settle({client_});
  EXPECT_EQ(BodyOf(client_->written()), "<p>sorry");
}

TEST_F(ProxyErrorPageTest, InterceptedErrorKeepsItsChallenges) {
  Begin(", intercept_errors: true");
  server_->Deliver(
      "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a\"\r\n"
      "WWW-Authenticate: Bearer\r\nX-Secret: 1\r\nContent-Length: 5\r\n\r\ntheir");
  Settle({client_});
  const std::string answer = client_->written();
  EXPECT_EQ(StatusOf(answer), "401");
  EXPECT_THAT(answer, HasSubstr("WWW-Authenticate: Basic realm=\"a\"\r\n"));
  EXPECT_THAT(answer, HasSubstr("WWW-Authenticate: Bearer\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("X-Secret")));
  EXPECT_EQ(BodyOf(answer), "<p>who");
}

}  // namespace
}  // namespace sluice::server
