// Reloads in the middle of requests: each goes on under the configuration that it began under.
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

class ProxyGenerationTest : public WorkerFixture {
 protected:
  static std::string Guarded(const std::string& places) {
    return "upstreams: {app: {servers: [192.0.2.1:80]}, door: {servers: [192.0.2.2:80]}}\n"
           "auth: {members: {token: " +
           places +
           ", static: [{token: 0123456789abcdef, subject: a}]}}\n"
           "topics: {news: {path: /news, auth: members}}\n"
           "routes:\n"
           "  - {path: /, upstream: app, strip_tokens: true,\n"
           "     auth: {request: {upstream: door, path: /auth}}}\n";
  }

  const std::string kElsewhere =
      "upstreams: {other: {servers: [192.0.2.9:80]}}\nroutes: [{path: /, upstream: other}]\n";
  const std::string kChunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  Peer client_;
  Peer server_;
};

TEST_F(ProxyGenerationTest, RequestEndsWithTheUpstreamThatItBeganWith) {
  Start();
  client_ = Client(Get("/"));
  server_ = Server();
  server_->Deliver(kChunkedHead + "5\r\nhello\r\n");
  Reload(kElsewhere);
  loop_.Turn();
  EXPECT_FALSE(before_.expired());
  server_->Deliver("4\r\nmore\r\n0\r\n\r\n");
  Settle({client_});
  EXPECT_EQ(BodyOf(client_->written()), "5\r\nhello\r\n4\r\nmore\r\n0\r\n\r\n");
  EXPECT_TRUE(before_.expired()) << "nothing else holds it";
  EXPECT_TRUE(server_->destroyed()) << "nobody will use that connection again";
  client_->Deliver(Get("/"));
  EXPECT_EQ(network_.connect_endpoint(network_.connects() - 1).host, "192.0.2.9");
}

TEST_F(ProxyGenerationTest, WhateverEndsARequestFreesWhatItHeldAfterIt) {
  using Finish = void (*)(testing::FakePeer & client, testing::FakePeer & server);
  const Finish ends[] = {[](auto& client, auto&) { client.DeliverEnd(); },
                         [](auto& client, auto&) { client.Kill(ECONNRESET); },
                         [](auto&, auto& server) { server.Kill(ECONNRESET); },
                         [](auto&, auto& server) { server.DeliverEnd(); },
                         [](auto&, auto& server) { server.Deliver("garbage\r\n\r\n"); },
                         [](auto& client, auto& server) {
                           client.FailWrites(EPIPE);
                           server.Deliver("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                         }};
  for (const Finish& end : ends) {
    SCOPED_TRACE(&end - ends);
    Start();
    client_ = Client(Get("/"));
    server_ = Server();
    Reload(kElsewhere);
    loop_.Turn();
    ASSERT_FALSE(before_.expired());
    end(*client_, *server_);
    Settle({client_});
    EXPECT_TRUE(before_.expired());
    EXPECT_TRUE(server_->destroyed());
  }
}

TEST_F(ProxyGenerationTest, AuthSubrequestEndsWithTheUpstreamThatItBeganWith) {
  Start(Guarded("{query: token}"));
  client_ = Client(Get("/"));
  const Peer door = Server();
  Reload(kElsewhere);
  loop_.Turn();
  EXPECT_FALSE(before_.expired());
  door->Deliver("HTTP/1.1 204 No Content\r\n\r\n");
  Settle({client_});
  server_ = Server();
  EXPECT_EQ(network_.connect_endpoint(network_.connects() - 1).host, "192.0.2.1");
  server_->Deliver("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  Settle({client_});
  EXPECT_EQ(BodyOf(client_->written()), "ok");
  EXPECT_TRUE(before_.expired());
}

TEST_F(ProxyGenerationTest, ClientThatGoesWhileItIsDecidedFreesWhatWasHeld) {
  Start(Guarded("{query: token}"));
  client_ = Client(Get("/"));
  const Peer door = Server();
  Reload(kElsewhere);
  client_->Kill(ECONNRESET);
  loop_.Turn();
  EXPECT_TRUE(before_.expired());
  EXPECT_TRUE(door->destroyed());
}

TEST_F(ProxyGenerationTest, ClientThatGoesOnceItIsDecidedFreesWhatWasHeld) {
  Start(Guarded("{query: token}"));
  client_ = Client(Get("/"));
  const Peer door = Server();
  Reload(kElsewhere);
  door->Deliver("HTTP/1.1 204 No Content\r\n\r\n");
  client_->Kill(ECONNRESET);
  loop_.Turn();
  EXPECT_TRUE(before_.expired());
}

TEST_F(ProxyGenerationTest, TokensAreStrippedByTheNamesThatTheRequestBeganUnder) {
  Start(Guarded("{query: token, cookie: session}"));
  client_ = Client(Get("/a?token=s3cret&b=c&key=d", "Cookie: session=s3cret; x=y\r\n"));
  const Peer door = Server();
  EXPECT_THAT(door->written(), HasSubstr("s3cret")) << "it has to see what it decides about";
  Reload(Guarded("{query: key, cookie: x}"));
  door->Deliver("HTTP/1.1 204 No Content\r\n\r\n");
  Settle({client_});
  server_ = Server();
  EXPECT_THAT(server_->written(), StartsWith("GET /a?b=c&key=d HTTP/1.1\r\n"));
  EXPECT_THAT(server_->written(), HasSubstr("\r\nCookie: x=y\r\n"));
  EXPECT_THAT(server_->written(), Not(HasSubstr("s3cret")));
}

TEST_F(ProxyGenerationTest, TokensOfABufferedRequestAreStrippedByTheNamesThatItBeganUnder) {
  const auto config = [](const std::string& places) {
    return "upstreams: {app: {servers: [192.0.2.1:80]}}\n"
           "auth: {members: {token: " +
           places +
           ", static: [{token: 0123456789abcdef, subject: a}]}}\n"
           "routes: [{path: /, upstream: app, auth: members, strip_tokens: true, "
           "request_buffering: true}]\n";
  };
  Start(config("{query: token}"));
  client_ = Client(Post("/?token=0123456789abcdef&b=c", "Content-Length: 4\r\n", "bo"));
  EXPECT_EQ(network_.pending_connects(), 0U);
  Reload(config("{cookie: session}"));
  client_->Deliver("dy");
  server_ = Server();
  EXPECT_THAT(server_->written(), StartsWith("POST /?b=c HTTP/1.1\r\n"));
  EXPECT_THAT(server_->written(), Not(HasSubstr("0123456789abcdef")));
  EXPECT_THAT(server_->written(), EndsWith("\r\n\r\nbody"));
}

TEST_F(ProxyGenerationTest, PageMayReadTheAnswerByTheOriginsThatTheRequestBeganUnder) {
  const std::string page = "https://app.example";
  Start("cors: {origins: [\"" + page + "\"]}\n" + Route("cors: true"));
  client_ = Client(Get("/", "Origin: " + page + "\r\n"));
  server_ = Server();
  Reload(kElsewhere);
  server_->Deliver("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  Settle({client_});
  EXPECT_THAT(client_->written(), HasSubstr("\r\nAccess-Control-Allow-Origin: " + page + "\r\n"));
}

TEST_F(ProxyGenerationTest, RedirectAfterAReloadGoesByWhatIsPresent) {
  Start();
  client_ = Client(Get("/"));
  server_ = Server();
  Reload(kElsewhere);
  server_->Deliver("HTTP/1.1 200 OK\r\nX-Accel-Redirect: /moved\r\nContent-Length: 0\r\n\r\n");
  Settle({client_});
  const Peer other = Server();
  EXPECT_EQ(network_.connect_endpoint(network_.connects() - 1).host, "192.0.2.9");
  EXPECT_THAT(other->written(), StartsWith("GET /moved HTTP/1.1\r\n"));
  other->Deliver("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  Settle({client_});
  EXPECT_EQ(BodyOf(client_->written()), "ok");
  EXPECT_TRUE(before_.expired());
}

}  // namespace
}  // namespace sluice::server
