#include "cli/bench_subscribers.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <sys/prctl.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include "cli/bench_payload.h"
#include "sluice/base/clock.h"

namespace sluice::cli::bench {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kRetryAfter = 250 * kMillisecond;
constexpr size_t kBufferBytes = size_t{256} * 1024;
constexpr size_t kReadyAtOnce = 1024;
constexpr size_t kMaxConnecting = 256;
// A connection that stops reading should fill up soon, not after megabytes.
constexpr int kStoppedReceiveBuffer = 4096;

}  // namespace

SubscriberPool::SubscriberPool(const SubscriberOptions& options, const Commands& commands,
                               SubscriberBoard& board, std::span<Number> receipts)
    : options_(options),
      commands_(commands),
      board_(board),
      receipts_(receipts),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      ready_(kReadyAtOnce),
      buffer_(kBufferBytes) {}

size_t SubscriberPool::Wanted() const {
  const size_t all = commands_.subscribers.Get();
  return all * (options_.process + 1) / options_.processes -
         all * options_.process / options_.processes;
}

// Spreads the stopped ones evenly: their count grows by the share with each connection.
bool SubscriberPool::WillStop(size_t index) const {
  const auto count = [this](size_t n) {
    return static_cast<size_t>(static_cast<double>(n) * options_.stopped_share);
  };
  return count(index + 1) > count(index);
}

void SubscriberPool::Run() {
  // The default slack of 50 µs is too coarse for short pauses.
  (void)prctl(PR_SET_TIMERSLACK, 1UL);
  while (commands_.stop.Get() == 0) {
    const uint64_t now = MonotonicNs();
    OpenMore(now);
    const uint64_t reconnect_at = commands_.reconnect_at_ns.Get();
    if (!reconnected_ && reconnect_at != 0 && now >= reconnect_at) ReconnectAll();
    Wait();
    board_.lost.Set(faults_.lost);
    board_.duplicates.Set(faults_.duplicates);
    board_.reordered.Set(faults_.reordered);
  }
  CountTail();
  if (options_.stopped_share > 0) CountEndedWhileStopped();
  board_.finished.Set(1);
  // A reset leaves no TIME_WAIT behind, which would use up ports over many runs.
  const linger reset{.l_onoff = 1, .l_linger = 0};
  for (Connection& connection : connections_) {
    if (!connection.fd.open()) continue;
    (void)setsockopt(connection.fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    connection.fd.Reset();
  }
}

void SubscriberPool::Wait() {
  const bool connecting = connecting_ > 0 || !retries_.empty() || connections_.size() < Wanted();
  const bool reconnecting = !reconnected_ && commands_.reconnect_at_ns.Get() != 0;
  int timeout_ms = connecting || reconnecting ? 1 : 20;
  if (options_.poll_us > 0) timeout_ms = 0;
  const int count =
      epoll_wait(epoll_.get(), ready_.data(), static_cast<int>(ready_.size()), timeout_ms);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = ready_[static_cast<size_t>(i)];
    OnReady(event.data.u64, event.events);
  }
  if (count == 0 && options_.poll_us > 0) {
    const timespec pause{.tv_sec = 0, .tv_nsec = static_cast<long>(options_.poll_us) * 1000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, nullptr);
  }
}

void SubscriberPool::OpenMore(uint64_t now) {
  const size_t wanted = Wanted();
  while (!retries_.empty() && retries_.front().at_ns <= now && connecting_ < kMaxConnecting) {
    const size_t index = retries_.front().index;
    retries_.pop_front();
    Open(index);
  }
  if (connections_.size() >= wanted) {
    ramp_from_ns_ = 0;
    return;
  }
  if (ramp_from_ns_ == 0) {
    ramp_from_ns_ = now;
    ramp_base_ = connections_.size();
  }
  size_t due = wanted;
  if (options_.ramp_per_second > 0) {
    const uint64_t passed = (now - ramp_from_ns_) / kMillisecond;
    due = std::min<size_t>(wanted, ramp_base_ + 1 + passed * options_.ramp_per_second / 1000);
  }
  while (connections_.size() < due && connecting_ < kMaxConnecting) {
    connections_.emplace_back();
    Open(connections_.size() - 1);
  }
}

void SubscriberPool::Open(size_t index) {
  Connection& connection = connections_[index];
  connection.parser = StreamParser();
  ConnectOptions how;
  if (options_.source_addresses > 0) {
    const size_t global = index * options_.processes + options_.process;
    how.loopback_source = 1 + static_cast<uint32_t>(global % options_.source_addresses);
  }
  if (WillStop(index)) how.receive_buffer = kStoppedReceiveBuffer;
  auto fd = StartConnect(options_.address, how);
  if (!fd) {
    Fail(index, fd.error().message);
    return;
  }
  connection.fd = std::move(*fd);
  connection.state = State::kConnecting;
  ++connecting_;
  epoll_event event{.events = EPOLLOUT, .data = {.u64 = index}};
  (void)epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection.fd.get(), &event);
}

void SubscriberPool::ReconnectAll() {
  reconnected_ = true;
  retries_.clear();
  connecting_ = 0;
  board_.open.Set(0);
  for (Connection& connection : connections_) connection.fd.Reset();
  for (size_t index = 0; index < connections_.size(); ++index) Open(index);
}

void SubscriberPool::OnReady(size_t index, uint32_t events) {
  Connection& connection = connections_[index];
  switch (connection.state) {
    case State::kConnecting:
      SendRequest(index);
      break;
    case State::kHead:
    case State::kOpen:
      Read(index);
      break;
    case State::kStopped:
      // Only errors are watched here.
      if ((events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0) {
        board_.stopped_closed.Add();
        connection.fd.Reset();
        connection.state = State::kClosed;
      }
      break;
    case State::kClosed:
    case State::kWaiting:
      break;
  }
}

void SubscriberPool::SendRequest(size_t index) {
  Connection& connection = connections_[index];
  int error = 0;
  socklen_t length = sizeof(error);
  (void)getsockopt(connection.fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  std::string request = fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n",
                                    options_.url.target, options_.url.authority);
  for (const std::string& header : options_.headers) request += header + "\r\n";
  if (!connection.last_id.empty()) request += "Last-Event-ID: " + connection.last_id + "\r\n";
  request += "\r\n";
  if (error == 0 && send(connection.fd.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
                        static_cast<ssize_t>(request.size())) {
    error = errno;
  }
  if (error != 0) {
    Fail(index, fmt::format("connect: {}", std::strerror(error)));
    return;
  }
  connection.state = State::kHead;
  epoll_event event{.events = EPOLLIN, .data = {.u64 = index}};
  (void)epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.fd.get(), &event);
}

void SubscriberPool::Read(size_t index) {
  Connection& connection = connections_[index];
  const ssize_t received = recv(connection.fd.get(), buffer_.data(), buffer_.size(), 0);
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (received <= 0) {
    OnServerClosed(index);
    return;
  }
  const auto size = static_cast<size_t>(received);
  const uint64_t now = MonotonicNs();
  board_.bytes.Add(size);
  const auto state =
      connection.parser.Feed(std::string_view(buffer_.data(), size),
                             [&](const StreamEvent& event) { OnEvent(connection, event, now); });
  if (connection.state == State::kHead && connection.parser.status() != 0) {
    OnHead(index);
    return;
  }
  if (state == StreamParser::State::kBroken) {
    board_.malformed.Add();
    board_.error.Write("a response is not HTTP/1.1 or its chunks are torn");
  }
  if (state == StreamParser::State::kBroken || state == StreamParser::State::kEnded) {
    OnServerClosed(index);
  }
}

void SubscriberPool::OnHead(size_t index) {
  constexpr int kOk = 200;
  Connection& connection = connections_[index];
  if (connection.parser.status() != kOk ||
      connection.parser.state() != StreamParser::State::kOpen) {
    Fail(index, fmt::format("the server answered with status {}", connection.parser.status()));
    return;
  }
  --connecting_;
  connection.state = State::kOpen;
  board_.open.Add();
  if (reconnected_ && board_.open.Get() == connections_.size())
    board_.back_at_ns.Set(MonotonicNs());
  if (WillStop(index)) {
    connection.state = State::kStopped;
    board_.stopped.Add();
    epoll_event event{.events = EPOLLRDHUP, .data = {.u64 = index}};
    (void)epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.fd.get(), &event);
  }
}

void SubscriberPool::OnEvent(Connection& connection, const StreamEvent& event, uint64_t now) {
  if (event.event == "sluice.gap") {
    board_.gaps.Add();
    return;
  }
  const auto stamp = ParseStamp(event.data);
  if (!stamp || event.data.size() != options_.payload_bytes) {
    board_.malformed.Add();
    board_.error.Write(fmt::format("unexpected event data: {:.80}", event.data));
    return;
  }
  if (stamp->intended_ns < options_.begun_ns) return;
  if (options_.keep_ids && !event.id.empty()) connection.last_id = event.id;
  board_.events.Add();

  const uint64_t last_before = connection.check.last();
  if (last_before == 0 && options_.server_publishes) connection.check.StartAt(stamp->sequence);
  connection.check.Saw(stamp->sequence, faults_);
  const uint64_t end = commands_.last_sequence.Get();
  if (end != 0 && last_before < end && connection.check.last() == end) board_.complete.Add();

  if (stamp->intended_ns < commands_.window_from_ns.Get() ||
      stamp->intended_ns >= commands_.window_to_ns.Get()) {
    return;
  }
  board_.measured.Add();
  board_.latency.Record(now > stamp->intended_ns ? now - stamp->intended_ns : 0);
  if (stamp->sequence - 1 < receipts_.size()) receipts_[stamp->sequence - 1].Set(now);
}

void SubscriberPool::Fail(size_t index, std::string_view what) {
  Connection& connection = connections_[index];
  if (connection.fd.open()) --connecting_;
  connection.fd.Reset();
  connection.state = State::kWaiting;
  board_.attempts_failed.Add();
  board_.error.Write(what);
  retries_.push_back({MonotonicNs() + kRetryAfter, index});
}

void SubscriberPool::OnServerClosed(size_t index) {
  Connection& connection = connections_[index];
  if (connection.state == State::kHead) {
    Fail(index, "the server closed before its answer");
    return;
  }
  connection.fd.Reset();
  connection.state = State::kClosed;
  board_.closed.Add();
  board_.open.Set(board_.open.Get() - 1);
  board_.error.Write("the server ended a stream");
}

// A server that gave up on a socket whose window is full can say so only when somebody reads again.
void SubscriberPool::CountEndedWhileStopped() {
  constexpr uint64_t kPatienceNs = 1'000 * kMillisecond;
  const timespec pause{.tv_sec = 0, .tv_nsec = 5 * kMillisecond};
  const uint64_t until = MonotonicNs() + kPatienceNs;
  while (MonotonicNs() < until) {
    for (Connection& connection : connections_) {
      if (connection.state != State::kStopped) continue;
      ssize_t received = 0;
      do {
        received = recv(connection.fd.get(), buffer_.data(), buffer_.size(), 0);
      } while (received > 0);
      if (received < 0 && errno == EAGAIN) continue;
      connection.state = State::kClosed;
      board_.stopped_closed.Add();
    }
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, nullptr);
  }
}

void SubscriberPool::CountTail() {
  const uint64_t end = commands_.last_sequence.Get();
  for (size_t index = 0; end != 0 && index < connections_.size(); ++index) {
    if (!WillStop(index)) faults_.lost += end - std::min(end, connections_[index].check.last());
  }
  board_.lost.Set(faults_.lost);
  board_.duplicates.Set(faults_.duplicates);
  board_.reordered.Set(faults_.reordered);
}

}  // namespace sluice::cli::bench
