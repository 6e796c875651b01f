// An app that decides about requests, before an upstream or a topic gets them.
#include "server/auth_request.h"

#include <algorithm>
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

class AuthRequestTest : public WorkerFixture {
 protected:
  void Begin(const std::string& auth = "", const std::string& route = "") {
    Start(Config(auth, route));
  }
  static std::string Config(const std::string& auth, const std::string& route = "") {
    return "upstreams: {app: {servers: [192.0.2.1:80]}, door: {servers: [192.0.2.2:80]}}\n"
           "routes:\n"
           "  - {path: /, upstream: app, auth: {request: {upstream: door, path: /auth" +
           auth + "}}" + route + "}\n";
  }
  // A client asks, and the app gets to decide, on a new connection or the one that was kept.
  void Ask(const std::string& request) {
    client_ = Client(request);
    if (network_.pending_connects() > 0) door_ = Server();
  }
  // `head` is all behind "HTTP/1.1 ", but for the end.
  void Decide(const std::string& head) {
    door_->Deliver("HTTP/1.1 " + head + "\r\n\r\n");
    Settle({client_});
  }
  // Whether the next request passes, or is asked about. Ends it either way.
  bool PassesUnasked(const std::string& request) {
    client_ = Client(request);
    Settle({client_});
    if (network_.pending_connects() == 0) return false;
    const bool passes = network_.connect_endpoint(network_.connects() - 1).host == "192.0.2.1";
    client_->Kill(ECONNRESET);
    loop_.Turn();
    return passes;
  }
  // The app lets in, and the request is through.
  void LetIn(const std::string& request, const std::string& fields = "") {
    Ask(request);
    Decide("204 No Content\r\nConnection: close" + fields);
    const Peer server = Server();
    server->Deliver("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    Settle({client_});
    ASSERT_EQ(StatusOf(client_->written()), "200");
    client_->Kill(ECONNRESET);
    loop_.Turn();
  }

  static constexpr const char* kCache = ", cache: 5s, cache_key: [\"cookie:session\"]";
  Peer client_;
  Peer door_;
};

// --- what is asked ---

TEST_F(AuthRequestTest, AppGetsTheFieldsAndWhatWasAskedFor) {
  Begin();
  Ask(Post("/a?b=c", "Cookie: session=1\r\nContent-Length: 4\r\nX-Original-URI: /lie\r\n", "body"));
  const std::string asked = door_->written();
  EXPECT_THAT(asked, StartsWith("GET /auth HTTP/1.1\r\n"));
  EXPECT_THAT(asked, HasSubstr("\r\nCookie: session=1\r\n"));
  EXPECT_THAT(asked, HasSubstr("\r\nX-Original-URI: /a?b=c\r\n"));
  EXPECT_THAT(asked, HasSubstr("\r\nX-Original-Method: POST\r\n"));
  EXPECT_THAT(asked, Not(HasSubstr("/lie")));
  EXPECT_THAT(asked, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(asked, EndsWith("\r\n\r\n")) << "and no body";
}

// --- what it may answer ---

TEST_F(AuthRequestTest, TwoHundredsLetInWithWhatIsCopied) {
  Begin(", copy: [X-User, X-Role]");
  Ask(Post("/", "X-User: root\r\nX-Role: admin\r\nX_User: root\r\nContent-Length: 4\r\n", "body"));
  EXPECT_EQ(network_.pending_connects(), 0U) << "not before it has decided";
  Decide("200 OK\r\nX-User: ann\r\nX-Other: 1\r\nContent-Length: 0");
  const Peer server = Server();
  EXPECT_THAT(server->written(), HasSubstr("\r\nx-user: ann\r\n"));
  EXPECT_THAT(server->written(), Not(HasSubstr("root")));
  EXPECT_THAT(server->written(), Not(HasSubstr("admin"))) << "nor what the app says nothing of";
  EXPECT_THAT(server->written(), Not(HasSubstr("X-Other")));
  EXPECT_THAT(server->written(), EndsWith("\r\n\r\nbody"));
}

TEST_F(AuthRequestTest, RefusalsArePassedOnWithTheirChallenges) {
  Begin();
  Ask(Get("/"));
  Decide(
      "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a\"\r\nWWW-Authenticate: Bearer\r\n"
      "Set-Cookie: a=b\r\nContent-Length: 0");
  EXPECT_EQ(StatusOf(client_->written()), "401");
  EXPECT_THAT(client_->written(), HasSubstr("WWW-Authenticate: Basic realm=\"a\"\r\n"));
  EXPECT_THAT(client_->written(), HasSubstr("WWW-Authenticate: Bearer\r\n"));
  Ask(Get("/"));
  Decide("403 Forbidden\r\nContent-Length: 0");
  EXPECT_EQ(StatusOf(client_->written()), "403");
  EXPECT_EQ(network_.pending_connects(), 0U);
}

TEST_F(AuthRequestTest, AnythingElseIsA500) {
  Begin();
  for (const char* head : {"302 Found\r\nLocation: /login", "404 Not Found", "429 Slow Down",
                           "500 Oops", "503 Busy", "304 Not Modified"}) {
    Ask(Get("/"));
    Decide(std::string(head) + "\r\nConnection: close\r\nContent-Length: 0");
    EXPECT_EQ(StatusOf(client_->written()), "500") << head;
    EXPECT_THAT(client_->written(), Not(HasSubstr("Location")));
    EXPECT_EQ(network_.pending_connects(), 0U) << head;
  }
}

TEST_F(AuthRequestTest, NoAnswerIsA500) {
  Begin();
  Ask(Get("/"));
  door_->DeliverEnd();
  Settle({client_});
  EXPECT_EQ(StatusOf(client_->written()), "500");
  Ask(Get("/"));
  loop_.Advance(61'000);
  EXPECT_EQ(StatusOf(client_->written()), "500");
  client_ = Client(Get("/"));
  network_.FailConnect({.code = Errc::kSystem, .message = "refused"});
  Settle({client_});
  EXPECT_EQ(StatusOf(client_->written()), "500");
}

TEST_F(AuthRequestTest, HeadThatBreaksOffLetsNobodyIn) {
  Begin();
  Ask(Get("/"));
  door_->Deliver("HTTP/1.1 200 OK\r\nX-User: an");
  door_->DeliverEnd();
  Settle({client_});
  EXPECT_EQ(network_.pending_connects(), 0U);
  EXPECT_EQ(StatusOf(client_->written()), "500");
}

TEST_F(AuthRequestTest, NobodyWaitsForTheBody) {
  const char* const kFramings[] = {"Content-Length: 100", "Transfer-Encoding: chunked",
                                   "X-None: 1"};
  for (const char* framing : kFramings) {
    for (const bool good : {false, true}) {
      SCOPED_TRACE(framing);
      Begin();
      Ask(Get("/"));
      Decide((good ? "200 OK\r\n" : "403 Forbidden\r\n") + std::string(framing));
      EXPECT_EQ(network_.pending_connects(), good ? 1U : 0U);
      door_->DeliverEnd();  // its breaking off changes nothing
      if (good) Server()->Deliver("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      Settle({client_});
      EXPECT_EQ(StatusOf(client_->written()), good ? "200" : "403");
    }
  }
}

TEST_F(AuthRequestTest, ClientMayGoWhileTheBodyIsRead) {
  Begin();
  Ask(Get("/"));
  Decide("403 Forbidden\r\nTransfer-Encoding: chunked");
  client_->Kill(ECONNRESET);
  loop_.Turn();
  door_->Deliver("2\r\nno\r\n0\r\n\r\n");
  EXPECT_FALSE(door_->destroyed()) << "it is kept all the same";
}

TEST_F(AuthRequestTest, BodyMayComeWithTheHeadOrLater) {
  Begin();
  Ask(Get("/"));
  Decide("403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  EXPECT_TRUE(door_->destroyed()) << "it has sent more than it said";
  Ask(Get("/"));
  door_->Deliver(
      "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n");
  const Peer kept = door_;
  EXPECT_FALSE(kept->destroyed());
  client_ = Client(Get("/"));
  EXPECT_EQ(network_.pending_connects(), 0U);
  kept->Deliver("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n");
  EXPECT_EQ(StatusOf(client_->written()), "403");
  kept->Deliver("0\r\n\r\n");
  client_ = Client(Get("/"));
  EXPECT_EQ(network_.pending_connects(), 0U);
  EXPECT_FALSE(kept->destroyed());
}

TEST_F(AuthRequestTest, BodyOfTheAnswerIsDroppedAndTheConnectionKeptIfItIsShort) {
  Begin();
  Ask(Get("/"));
  Decide("200 OK\r\nContent-Length: 3");
  EXPECT_EQ(network_.pending_connects(), 1U) << "the request goes on";
  door_->Deliver("yes");
  Settle({client_});
  EXPECT_FALSE(door_->destroyed());
  static_cast<void>(Server());
  client_ = Client(Get("/"));
  Settle({client_});
  EXPECT_THAT(door_->written(), HasSubstr("GET /auth")) << "the same connection";
  Decide("200 OK\r\nContent-Length: 1000000");
  EXPECT_TRUE(door_->destroyed()) << "nobody waits for all that";
  EXPECT_EQ(network_.pending_connects(), 1U);
}

// --- clients that go ---

TEST_F(AuthRequestTest, ClientMayGoWhileItIsDecided) {
  for (const bool reset : {false, true}) {
    Begin(kCache);
    Ask(Get("/", "Cookie: session=1\r\n"));
    if (reset) {
      client_->Kill(ECONNRESET);
    } else {
      client_->DeliverEnd();
    }
    EXPECT_TRUE(door_->destroyed());
    EXPECT_TRUE(client_->destroyed());
    loop_.Turn();
    EXPECT_EQ(Counted("/", 499), 1U);
  }
}

TEST_F(AuthRequestTest, ClientThatGoesBetweenTheDecisionAndTheRequestIsNotServed) {
  Begin();
  Ask(Get("/"));
  door_->Deliver("HTTP/1.1 204 No Content\r\n\r\n");
  client_->DeliverEnd();
  Settle({client_});
  EXPECT_EQ(network_.pending_connects(), 0U);
  EXPECT_TRUE(client_->destroyed());
}

// --- the cache ---

TEST_F(AuthRequestTest, GoodAnswerHoldsForItsTimeAndItsToken) {
  Begin(std::string(kCache) + ", copy: [X-User]");
  const std::string ann = Get("/", "Cookie: session=ann\r\n");
  LetIn(ann, "\r\nX-User: ann");
  client_ = Client(ann);
  EXPECT_THAT(Server()->written(), HasSubstr("\r\nx-user: ann\r\n"));
  client_->Kill(ECONNRESET);
  loop_.Turn();
  EXPECT_FALSE(PassesUnasked(Get("/", "Cookie: session=bob\r\n")));
  EXPECT_FALSE(PassesUnasked(Get("/"))) << "without a token";
  loop_.Advance(4'900);
  EXPECT_TRUE(PassesUnasked(ann));
  loop_.Advance(100);
  EXPECT_FALSE(PassesUnasked(ann));
}

TEST_F(AuthRequestTest, RefusalsAndFailuresAreNotKept) {
  Begin(kCache);
  const std::string request = Get("/", "Cookie: session=1\r\n");
  for (const char* head : {"401 Unauthorized", "403 Forbidden", "500 Oops", "302 Found"}) {
    Ask(request);
    Decide(std::string(head) + "\r\nConnection: close\r\nContent-Length: 0");
    EXPECT_FALSE(PassesUnasked(request)) << head;
  }
}

TEST_F(AuthRequestTest, EmptyTokenTellsNobodyFromOthers) {
  Begin(kCache);
  const std::string request = Get("/", "Cookie: session=\r\n");
  LetIn(request);
  EXPECT_FALSE(PassesUnasked(request));
}

TEST_F(AuthRequestTest, AllOfTheKeyCounts) {
  Begin(", cache: 5s, cache_key: [\"cookie:a\", \"header:x-b\"]");
  LetIn(Get("/", "Cookie: a=1\r\nX-B: 2\r\n"));
  EXPECT_TRUE(PassesUnasked(Get("/", "Cookie: a=1\r\nX-B: 2\r\n")));
  EXPECT_FALSE(PassesUnasked(Get("/", "Cookie: a=1\r\n")));
  EXPECT_FALSE(PassesUnasked(Get("/", "Cookie: a=1\r\nX-B:\r\n")));
  EXPECT_FALSE(PassesUnasked(Get("/", "Cookie: a=2\r\nX-B: 1\r\n")));
  LetIn(Get("/", "Cookie: a=3\r\n"));
  EXPECT_TRUE(PassesUnasked(Get("/", "Cookie: a=3\r\n")));
  EXPECT_FALSE(PassesUnasked(Get("/", "Cookie: a=3\r\nX-B:\r\n"))) << "empty is not absent";
}

TEST_F(AuthRequestTest, AnswersOfBeforeAReloadDoNotHold) {
  Begin(kCache);
  const std::string request = Get("/", "Cookie: session=1\r\n");
  LetIn(request);
  Reload(Config(kCache));
  EXPECT_FALSE(PassesUnasked(request));
}

TEST_F(AuthRequestTest, AnswerThatComesAfterAReloadHoldsForItsOwnRequestOnly) {
  Begin(kCache);
  const std::string request = Get("/", "Cookie: session=1\r\n");
  Ask(request);
  Reload(Config(std::string(kCache) + ", copy: [X-User]"));
  Decide("204 No Content");
  const Peer server = Server();
  EXPECT_THAT(server->written(), StartsWith("GET / HTTP/1.1\r\n"));
  EXPECT_FALSE(PassesUnasked(request)) << "the app that decides now was not asked";
}

// --- topics ---

class AuthTopicTest : public AuthRequestTest {
 protected:
  void SetUp() override {
    AuthRequestTest::SetUp();
    const std::string auth =
        "auth: {request: {upstream: door, path: /auth, cache: 5s, cache_key: [\"cookie:s\"]}}";
    Start(
        "upstreams: {app: {servers: [192.0.2.1:80]}, door: {servers: [192.0.2.2:80]}}\n"
        "topics: {room: {path: \"/rooms/{id}\", channel: \"room:{id}\", " +
        auth +
        "}}\n"
        "routes: [{path: /, upstream: app, " +
        auth + "}]\n");
  }
  // Channels that somebody waits for.
  std::vector<std::string> Subscribed() {
    std::vector<std::string> channels;
    ingest_.Drain([&](pubsub::IngestCommand& command) {
      if (const auto* wanted = std::get_if<pubsub::SubscribeCommand>(&command)) {
        channels.push_back(wanted->channel);
      }
    });
    return channels;
  }
};

TEST_F(AuthTopicTest, AnswerForOneRoomSaysNothingOfTheOthers) {
  Ask(Get("/rooms/1", "Cookie: s=1\r\n"));
  EXPECT_THAT(Subscribed(), ::testing::IsEmpty());
  Decide("204 No Content\r\nConnection: close");
  EXPECT_THAT(Subscribed(), ::testing::ElementsAre("room:1"));
  static_cast<void>(Client(Get("/rooms/1", "Cookie: s=1\r\n")));
  EXPECT_EQ(network_.pending_connects(), 0U) << "it is known for this one";
  static_cast<void>(Client(Get("/rooms/2", "Cookie: s=1\r\n")));
  EXPECT_EQ(network_.pending_connects(), 1U) << "and asked for that one";
  EXPECT_THAT(Subscribed(), ::testing::IsEmpty());
}

}  // namespace
}  // namespace sluice::server
