#include "proxy/upstream_impl.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "proxy/call_impl.h"
#include "proxy/switched_stream.h"
#include "sluice/base/log.h"
#include "sluice/proxy/upstream_set.h"

namespace sluice::proxy {
namespace {

// Requests that wait for a name to be resolved for the first time, though the queue be shorter.
constexpr size_t kResolvingQueue = 1'000;

}  // namespace

UpstreamImpl::UpstreamImpl(const UpstreamEnvironment& environment,
                           std::shared_ptr<UpstreamState> state)
    : environment_(environment),
      state_(std::move(state)),
      stats_(state_->TakeStats()),
      limits_{.head_bytes = state_->config().head_bytes},
      servers_(environment_, *state_, *stats_, [this] { ServeQueue(); }),
      dialer_(environment_, *state_),
      pool_(environment_.loop, state_->config(), servers_.servers()),
      spent_(environment_.timers, state_->config().keepalive),
      balancer_(state_->config(), servers_.servers()),
      place_waker_(config().max_connections > 0
                       ? environment_.loop.MakeWaker([this] { OnPlaceOffered(); })
                       : nullptr),
      turn_(environment_.loop.MakeIdle([this] { RunTurns(); })) {}

UpstreamImpl::~UpstreamImpl() {
  spent_.Close();
  assert(calls_ == 0);
  if (place_waker_ != nullptr) state_->line().Leave(*place_waker_);
  pool_.Close();
}

std::unique_ptr<Call> UpstreamImpl::Start(CallRequest request, CallHandler& handler) {
  auto call = std::make_unique<CallImpl>(*this, std::move(request), handler);
  ++calls_;
  if (MustWait() || !call->Begin()) call->Wait();
  return call;
}

void UpstreamImpl::Retire() {
  pool_.Close();
  spent_.Close();
}

void UpstreamImpl::ReadOut(std::unique_ptr<Call> call) {
  spent_.Add(std::unique_ptr<CallImpl>(static_cast<CallImpl*>(call.release())));
}

std::unique_ptr<Connection> UpstreamImpl::MakeConnection(Server& server,
                                                         std::unique_ptr<net::Stream> stream) {
  return std::make_unique<Connection>(environment_, &server, std::move(stream), limits_);
}

std::unique_ptr<net::Stream> UpstreamImpl::HandOver(Server& server,
                                                    std::unique_ptr<net::Stream> stream) {
  server.EndWithoutPlace();
  return std::make_unique<SwitchedStream>(std::move(stream), state_, server.shared_state(),
                                          std::shared_ptr<ServerStats>(stats_, &server.stats()));
}

// --- waiting for a place ---

bool UpstreamImpl::Enqueue(CallImpl& call) {
  const size_t limit =
      servers_.resolving() ? std::max<size_t>(config().queue, kResolvingQueue) : config().queue;
  if (queue_.size() < limit) {
    queue_.push_back(&call);
    stats_->waiting.Set(queue_.size());
    if (place_waker_ == nullptr) return true;
    state_->line().Join(*place_waker_);
    if (state_->line().size() == 1) ServeQueue();
    return true;
  }
  if (const auto left_out = full_line_.Admit(environment_.loop.NowMs())) {
    LogWarn(
        "upstream={} refuses requests: {}, and {} wait{}", config().name,
        servers_.resolving() ? "its name is not resolved yet" : "all servers have max_connections",
        queue_.size(), LeftOut(*left_out));
  }
  return false;
}

void UpstreamImpl::Dequeue(CallImpl& call) {
  std::erase(queue_, &call);
  stats_->waiting.Set(queue_.size());
  if (queue_.empty() && place_waker_ != nullptr) state_->line().Leave(*place_waker_);
}

void UpstreamImpl::ServeQueue() {
  while (!queue_.empty()) {
    CallImpl* call = queue_.front();
    queue_.pop_front();
    if (!call->Begin()) {
      queue_.push_front(call);
      break;
    }
  }
  stats_->waiting.Set(queue_.size());
  if (queue_.empty() && place_waker_ != nullptr) state_->line().Leave(*place_waker_);
}

void UpstreamImpl::OnPlaceFree() {
  if (place_waker_ == nullptr) return;
  PlaceLine& line = state_->line();
  if (line.empty()) return;
  if (line.size() == 1 && !queue_.empty()) {
    ServeQueue();
  } else {
    line.Offer();
  }
}

void UpstreamImpl::OnPlaceOffered() {
  ServeQueue();
  // Others wait, and there may be more places.
  if (queue_.empty() && !state_->line().empty()) state_->line().Offer();
}

void UpstreamImpl::OnServerFailed(Server& server, bool probe, const CallFailure& failure) {
  const uint64_t now = environment_.loop.NowMs();
  const uint64_t rest_ms = servers_.servers().size() > 1 ? server.state().Failed(now, probe) : 0;
  if (rest_ms > 0) {
    LogWarn("upstream={} server={} rests for {} ms: {} ({})", config().name, server.name(), rest_ms,
            failure.detail, ToName(failure.kind));
  } else if (const auto left_out = failed_line_.Admit(now)) {
    LogWarn("upstream={} server={} failed: {} ({}){}", config().name, server.name(), failure.detail,
            ToName(failure.kind), LeftOut(*left_out));
  }
}

// --- turns ---

void UpstreamImpl::GiveTurn(CallImpl& call) {
  if (turns_.empty()) turn_->Start();
  turns_.push_back(&call);
}

void UpstreamImpl::RunTurns() {
  turn_->Stop();
  running_.swap(turns_);
  // A turn may end a call, which then is null here, and gives only the next turns.
  for (CallImpl* const& call : running_) {
    if (call != nullptr) call->OnTurn();
  }
  running_.clear();
}

void UpstreamImpl::Forget(CallImpl& call) {
  --calls_;
  std::replace(turns_.begin(), turns_.end(), &call, static_cast<CallImpl*>(nullptr));
  std::replace(running_.begin(), running_.end(), &call, static_cast<CallImpl*>(nullptr));
  if (!queue_.empty()) Dequeue(call);
}

// --- all upstreams of a worker ---

UpstreamSet::UpstreamSet(const UpstreamEnvironment& environment, const UpstreamStates& states,
                         const UpstreamSet* before) {
  std::vector<std::shared_ptr<UpstreamImpl>> old;
  if (before != nullptr) old = before->upstreams_;
  for (const auto& state : states) {
    const auto same = std::find_if(old.begin(), old.end(), [&](const auto& upstream) {
      return upstream && upstream->state() == state;
    });
    upstreams_.push_back(same != old.end() ? std::exchange(*same, nullptr)
                                           : std::make_shared<UpstreamImpl>(environment, state));
  }
  for (const auto& upstream : old) {
    if (upstream != nullptr) upstream->Retire();
  }
}

UpstreamSet::~UpstreamSet() = default;

Upstream& UpstreamSet::at(size_t index) {
  return *upstreams_.at(index);
}

Upstream* UpstreamSet::Find(std::string_view name) {
  for (const auto& upstream : upstreams_) {
    if (upstream->config().name == name) return upstream.get();
  }
  return nullptr;
}

std::unique_ptr<Upstream> MakeUpstream(const UpstreamEnvironment& environment,
                                       std::shared_ptr<UpstreamState> state) {
  return std::make_unique<UpstreamImpl>(environment, std::move(state));
}

}  // namespace sluice::proxy
