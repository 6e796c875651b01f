// A whole Worker over fakes: clients and upstreams are FakePeers, the configuration is text, and a
// reload is another one. Nothing happens but what the test does.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/generation.h"
#include "server/topic_ledger.h"
#include "server/worker.h"
#include "sluice/base/log.h"
#include "sluice/config/load.h"
#include "support/fake_loop.h"
#include "support/fake_network.h"
#include "support/fake_stream.h"

namespace sluice::server {

using Peer = std::shared_ptr<testing::FakePeer>;

class WorkerFixture : public ::testing::Test {
 protected:
  void SetUp() override { SetLogLevel(LogLevel::kOff); }
  void TearDown() override {
    Stop();
    EXPECT_EQ(loop_.live_handles(), 0U);
    SetLogLevel(LogLevel::kInfo);
  }

  // One upstream, `app`, and one route, /, with `keys` of its own: "buffering: off, limit_rate: 1".
  static std::string Route(const std::string& keys = "", const std::string& upstream_keys = "") {
    return "upstreams: {app: {servers: [192.0.2.1:80]" + Listed(upstream_keys) +
           "}}\nroutes: [{path: /, upstream: app" + Listed(keys) + "}]\n";
  }

  void Stop() {
    if (worker_ != nullptr) worker_->Close();
    loop_.Turn();
    worker_.reset();
    generation_.reset();
    loop_.Turn();
  }
  void Start(const std::string& config = Route()) {
    Stop();
    generation_ = Make(config);
    worker_ = std::make_unique<Worker>(loop_, network_, 0, shared_, generation_);
    ASSERT_TRUE(worker_->Listen(1, {.host = "127.0.0.1", .port = 0, .unix_path = ""}, {}));
  }
  // From then on only requests that have begun hold what was before: see before_.
  void Reload(const std::string& config) {
    before_ = generation_;
    generation_ = Make(config);
    worker_->SetGeneration(generation_);
  }

  // A client that has sent `bytes`.
  Peer Client(std::string_view bytes) {
    Peer client = network_.Accept(network_.listens() - 1);
    client->Deliver(bytes);
    return client;
  }
  static std::string Get(const std::string& path, const std::string& fields = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
  }
  static std::string Post(const std::string& path, const std::string& fields,
                          const std::string& body = "") {
    return "POST " + path + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body;
  }

  // The oldest pending connection to a server is made, and has got what there is to send.
  Peer Server() {
    Peer server = network_.CompleteConnect();
    if (server == nullptr) {
      ADD_FAILURE() << "nobody connects";
      return std::make_shared<testing::FakePeer>();
    }
    loop_.Turn();
    loop_.Turn();
    return server;
  }
  // What was put off to a later turn is done, by sockets that can be written.
  void Settle(const std::vector<Peer>& peers) {
    for (int i = 0; i < 3; ++i) {
      loop_.Turn();
      for (const Peer& peer : peers) peer->MakeWritable();
    }
  }

  // Requests of that route that were over with that status.
  [[nodiscard]] uint64_t Counted(std::string_view route, int status) const {
    for (const HttpStats::Row* row = &worker_->http_stats().first(); row; row = row->next()) {
      if (row->label() == route) {
        return row->Get(static_cast<size_t>(status - HttpStats::kFirstStatus));
      }
    }
    return 0;
  }

  static std::string BodyOf(const std::string& message) {
    const size_t end = message.find("\r\n\r\n");
    return end == std::string::npos ? "no head" : message.substr(end + 4);
  }
  static std::string StatusOf(const std::string& message) {
    return message.size() < 12 ? "none" : message.substr(9, 3);
  }

  testing::FakeLoop loop_;
  testing::FakeNetwork network_{loop_};
  pubsub::IngestInbox ingest_{[] {}};
  pubsub::ProcessCounts counts_;
  std::vector<Counter> connections_{1};
  TokenMemory tokens_{1'000};
  WorkerShared shared_{ingest_, counts_, connections_, tokens_};
  TopicLedger ledger_{1};
  GenerationPtr generation_;
  std::weak_ptr<const Generation> before_;
  std::unique_ptr<Worker> worker_;

 private:
  static std::string Listed(const std::string& keys) { return keys.empty() ? "" : ", " + keys; }

  GenerationPtr Make(const std::string& text) {
    const auto config =
        config::ParseConfig("listen: 127.0.0.1:0\n" + text, "test.yaml",
                            [](const std::string&) { return std::optional<std::string>(); });
    if (!config) {
      ADD_FAILURE() << config.error().front().ToString();
      std::abort();
    }
    return std::make_shared<const Generation>(*config, ledger_, generation_.get());
  }
};

}  // namespace sluice::server
