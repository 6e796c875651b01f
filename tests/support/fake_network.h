// A scripted net::Network: it records what was asked for, and the test says how each thing ends.
// One thread, that of its FakeLoop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sluice/net/network.h"
#include "support/fake_loop.h"
#include "support/fake_stream.h"

namespace sluice::testing {

class FakeNetwork : public net::Network {
 public:
  // `loop` must outlive the network and what was made from it.
  explicit FakeNetwork(FakeLoop& loop);
  ~FakeNetwork() override;
  FakeNetwork(const FakeNetwork&) = delete;
  FakeNetwork& operator=(const FakeNetwork&) = delete;

  // Listening. `listener` counts the Listen calls that worked, from 0.
  void FailNextListen(Error error) { listen_error_ = std::move(error); }
  [[nodiscard]] size_t listens() const { return listeners_.size(); }
  [[nodiscard]] const net::ListenOptions& listen_options(size_t listener = 0) const;
  [[nodiscard]] bool listening(size_t listener = 0) const;  // false once it was destroyed
  // A client connects: a new FakeStream is handed over at once. Null if the listener is gone.
  std::shared_ptr<FakePeer> Accept(size_t listener = 0);
  // Descriptors have run out (true) or are there again.
  void SetExhausted(bool exhausted, size_t listener = 0);

  // Connecting. `attempt` counts the Connect calls, from 0.
  [[nodiscard]] size_t connects() const { return attempts_.size(); }
  [[nodiscard]] const net::Endpoint& connect_endpoint(size_t attempt) const;
  [[nodiscard]] uint64_t connect_timeout_ms(size_t attempt) const;
  // Attempts that are neither completed nor given up. One that lasts longer than its timeout by the
  // loop's clock fails with kTimeout.
  [[nodiscard]] size_t pending_connects() const;
  // Ends the oldest pending attempt; its callback comes in the loop's next turn. The first returns
  // the other end of the new stream. Null or false if nothing is pending.
  std::shared_ptr<FakePeer> CompleteConnect();
  bool FailConnect(Error error);

  // Lookups. `lookup` counts the Resolve calls, from 0.
  [[nodiscard]] size_t lookups() const { return lookups_.size(); }
  [[nodiscard]] const net::Endpoint& lookup_endpoint(size_t lookup) const;
  [[nodiscard]] size_t pending_lookups() const;
  // Ends the oldest pending one; its callback comes in the loop's next turn. `hosts` get its port.
  // False if nothing is pending.
  bool CompleteLookup(const std::vector<std::string>& hosts);
  bool FailLookup(Error error);

  [[nodiscard]] Result<std::unique_ptr<net::Listener>> Listen(
      const net::ListenOptions& options, net::AcceptCallback accepted,
      net::ExhaustedCallback exhausted) override;
  [[nodiscard]] std::unique_ptr<net::Connecting> Connect(const net::Endpoint& endpoint,
                                                         uint64_t timeout_ms,
                                                         net::ConnectCallback connected) override;
  [[nodiscard]] std::unique_ptr<net::Resolving> Resolve(const net::Endpoint& endpoint,
                                                        net::ResolveCallback resolved) override;

 private:
  struct ListenerState;
  struct Attempt;
  struct LookupState;
  class FakeListener;
  class FakeConnecting;
  class FakeResolving;

  [[nodiscard]] std::shared_ptr<Attempt> OldestPending() const;
  bool EndLookup(Result<std::vector<net::Endpoint>> result);

  FakeLoop& loop_;
  std::optional<Error> listen_error_;
  std::vector<std::shared_ptr<ListenerState>> listeners_;
  std::vector<std::shared_ptr<Attempt>> attempts_;
  std::vector<std::shared_ptr<LookupState>> lookups_;
};

}  // namespace sluice::testing
