#include "support/fake_network.h"

#include <algorithm>
#include <utility>

namespace sluice::testing {

struct FakeNetwork::ListenerState {
  net::ListenOptions options;
  net::AcceptCallback accepted;
  net::ExhaustedCallback exhausted;
  bool open = true;
};

struct FakeNetwork::Attempt {
  net::Endpoint endpoint;
  uint64_t timeout_ms = 0;
  net::ConnectCallback connected;
  std::unique_ptr<event::Timer> timeout;
  bool pending = true;  // the test has not said how it ends
  bool wanted = true;   // the Connecting exists and the callback has not come

  void End(Result<std::unique_ptr<net::Stream>> result) {
    pending = false;
    timeout.reset();
    if (!std::exchange(wanted, false)) return;
    std::exchange(connected, nullptr)(std::move(result));
  }
};

class FakeNetwork::FakeListener : public net::Listener {
 public:
  FakeListener(std::shared_ptr<ListenerState> state, net::Endpoint endpoint)
      : state_(std::move(state)), endpoint_(std::move(endpoint)) {}
  ~FakeListener() override { state_->open = false; }
  void SetClientOptions(uint32_t notsent_lowat_bytes, uint32_t user_timeout_ms) override {
    state_->options.notsent_lowat_bytes = notsent_lowat_bytes;
    state_->options.user_timeout_ms = user_timeout_ms;
  }
  [[nodiscard]] const net::Endpoint& endpoint() const override { return endpoint_; }

 private:
  std::shared_ptr<ListenerState> state_;
  net::Endpoint endpoint_;
};

class FakeNetwork::FakeConnecting : public net::Connecting {
 public:
  explicit FakeConnecting(std::shared_ptr<Attempt> attempt) : attempt_(std::move(attempt)) {}
  ~FakeConnecting() override {
    attempt_->wanted = attempt_->pending = false;
    attempt_->timeout.reset();
  }

 private:
  std::shared_ptr<Attempt> attempt_;
};

struct FakeNetwork::LookupState {
  net::Endpoint endpoint;
  net::ResolveCallback resolved;
  bool pending = true;  // the test has not said how it ends
  bool wanted = true;   // the Resolving exists and the callback has not come
};

class FakeNetwork::FakeResolving : public net::Resolving {
 public:
  explicit FakeResolving(std::shared_ptr<LookupState> state) : state_(std::move(state)) {}
  ~FakeResolving() override { state_->wanted = state_->pending = false; }

 private:
  std::shared_ptr<LookupState> state_;
};

FakeNetwork::FakeNetwork(FakeLoop& loop) : loop_(loop) {}

FakeNetwork::~FakeNetwork() {
  for (const auto& attempt : attempts_) attempt->timeout.reset();
}

const net::ListenOptions& FakeNetwork::listen_options(size_t listener) const {
  return listeners_.at(listener)->options;
}

bool FakeNetwork::listening(size_t listener) const {
  return listener < listeners_.size() && listeners_[listener]->open;
}

std::shared_ptr<FakePeer> FakeNetwork::Accept(size_t listener) {
  if (!listening(listener)) return nullptr;
  auto stream = std::make_unique<FakeStream>();
  auto peer = stream->other_end();
  const auto state = listeners_[listener];
  state->accepted(std::move(stream));
  return peer;
}

void FakeNetwork::SetExhausted(bool exhausted, size_t listener) {
  if (!listening(listener)) return;
  const auto state = listeners_[listener];
  state->exhausted(exhausted);
}

const net::Endpoint& FakeNetwork::connect_endpoint(size_t attempt) const {
  return attempts_.at(attempt)->endpoint;
}

uint64_t FakeNetwork::connect_timeout_ms(size_t attempt) const {
  return attempts_.at(attempt)->timeout_ms;
}

size_t FakeNetwork::pending_connects() const {
  return static_cast<size_t>(std::count_if(attempts_.begin(), attempts_.end(),
                                           [](const auto& attempt) { return attempt->pending; }));
}

std::shared_ptr<FakeNetwork::Attempt> FakeNetwork::OldestPending() const {
  const auto found = std::find_if(attempts_.begin(), attempts_.end(),
                                  [](const auto& attempt) { return attempt->pending; });
  return found == attempts_.end() ? nullptr : *found;
}

std::shared_ptr<FakePeer> FakeNetwork::CompleteConnect() {
  const auto attempt = OldestPending();
  if (!attempt) return nullptr;
  attempt->pending = false;
  attempt->timeout.reset();
  auto stream = std::make_shared<std::unique_ptr<FakeStream>>(std::make_unique<FakeStream>());
  auto peer = (*stream)->other_end();
  loop_.Post([attempt, stream] { attempt->End(std::move(*stream)); });
  return peer;
}

bool FakeNetwork::FailConnect(Error error) {
  const auto attempt = OldestPending();
  if (!attempt) return false;
  attempt->pending = false;
  attempt->timeout.reset();
  loop_.Post(
      [attempt, error = std::move(error)] { attempt->End(Fail(error.code, error.message)); });
  return true;
}

Result<std::unique_ptr<net::Listener>> FakeNetwork::Listen(const net::ListenOptions& options,
                                                           net::AcceptCallback accepted,
                                                           net::ExhaustedCallback exhausted) {
  if (listen_error_) return tl::unexpected<Error>(*std::exchange(listen_error_, std::nullopt));
  auto state = std::make_shared<ListenerState>();
  state->options = options;
  state->accepted = std::move(accepted);
  state->exhausted = std::move(exhausted);
  listeners_.push_back(state);
  net::Endpoint endpoint = options.endpoint;
  if (!endpoint.is_unix() && endpoint.port == 0) {
    endpoint.port = static_cast<uint16_t>(40'000 + listeners_.size());
  }
  return std::make_unique<FakeListener>(std::move(state), std::move(endpoint));
}

std::unique_ptr<net::Connecting> FakeNetwork::Connect(const net::Endpoint& endpoint,
                                                      uint64_t timeout_ms,
                                                      net::ConnectCallback connected) {
  auto attempt = std::make_shared<Attempt>();
  attempt->endpoint = endpoint;
  attempt->timeout_ms = timeout_ms;
  attempt->connected = std::move(connected);
  const std::weak_ptr<Attempt> weak = attempt;
  attempt->timeout = loop_.MakeTimer([weak] {
    if (const auto late = weak.lock()) late->End(Fail(Errc::kTimeout, "connect timed out"));
  });
  attempt->timeout->Start(timeout_ms);
  attempts_.push_back(attempt);
  return std::make_unique<FakeConnecting>(std::move(attempt));
}

const net::Endpoint& FakeNetwork::lookup_endpoint(size_t lookup) const {
  return lookups_.at(lookup)->endpoint;
}

size_t FakeNetwork::pending_lookups() const {
  return static_cast<size_t>(std::count_if(lookups_.begin(), lookups_.end(),
                                           [](const auto& lookup) { return lookup->pending; }));
}

std::unique_ptr<net::Resolving> FakeNetwork::Resolve(const net::Endpoint& endpoint,
                                                     net::ResolveCallback resolved) {
  auto state = std::make_shared<LookupState>();
  state->endpoint = endpoint;
  state->resolved = std::move(resolved);
  lookups_.push_back(state);
  return std::make_unique<FakeResolving>(std::move(state));
}

bool FakeNetwork::CompleteLookup(const std::vector<std::string>& hosts) {
  const auto oldest = std::find_if(lookups_.begin(), lookups_.end(),
                                   [](const auto& lookup) { return lookup->pending; });
  if (oldest == lookups_.end()) return false;
  std::vector<net::Endpoint> endpoints;
  for (const std::string& host : hosts) {
    endpoints.push_back({.host = host, .port = (*oldest)->endpoint.port, .unix_path = ""});
  }
  return EndLookup(std::move(endpoints));
}

bool FakeNetwork::FailLookup(Error error) {
  return EndLookup(tl::unexpected(std::move(error)));
}

bool FakeNetwork::EndLookup(Result<std::vector<net::Endpoint>> result) {
  for (const auto& lookup : lookups_) {
    if (!lookup->pending) continue;
    lookup->pending = false;
    loop_.Post([lookup, result = std::move(result)] {
      if (std::exchange(lookup->wanted, false)) std::exchange(lookup->resolved, nullptr)(result);
    });
    return true;
  }
  return false;
}

}  // namespace sluice::testing
