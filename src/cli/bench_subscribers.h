// The subscribers of one process: opens SSE streams at a steady pace, reads them all through one
// buffer, checks every event and records when it came. One thread: the process's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/epoll.h>

#include "cli/bench_board.h"
#include "cli/bench_sequence.h"
#include "cli/bench_socket.h"
#include "cli/bench_stream.h"
#include "cli/http_url.h"

namespace sluice::cli::bench {

struct SubscriberOptions {
  HttpUrl url;
  SocketAddress address;
  std::vector<std::string> headers;  // "Name: value", added to each request
  size_t process = 0;                // this one, of
  size_t processes = 1;
  uint32_t ramp_per_second = 0;   // connects a second of this process; 0: as fast as it goes
  uint32_t source_addresses = 0;  // spread over 127.0.0.1 … n; 0: the kernel's choice
  double stopped_share = 0;       // of the connections stop reading once they are open
  uint32_t poll_us = 0;           // pause before the next look when nothing was there; 0: be woken
  size_t payload_bytes = 0;       // what an event's data must measure
  bool keep_ids = false;          // needed to reconnect
  bool server_publishes = false;  // numbering began before we came, and its end is not known
  uint64_t begun_ns = 0;          // older events are another run's, and ignored
};

class SubscriberPool {
 public:
  // Borrows everything for its lifetime.
  SubscriberPool(const SubscriberOptions& options, const Commands& commands, SubscriberBoard& board,
                 std::span<Number> receipts);

  // Returns after commands.stop, with all connections reset.
  void Run();

 private:
  enum class State : uint8_t { kClosed, kWaiting, kConnecting, kHead, kOpen, kStopped };
  struct Connection {
    Fd fd;
    State state = State::kClosed;
    StreamParser parser;
    SequenceCheck check;
    std::string last_id;
  };
  struct Retry {
    uint64_t at_ns;
    size_t index;
  };

  [[nodiscard]] size_t Wanted() const;
  [[nodiscard]] bool WillStop(size_t index) const;
  void Wait();
  void OpenMore(uint64_t now);
  void Open(size_t index);
  void ReconnectAll();
  void OnReady(size_t index, uint32_t events);
  void SendRequest(size_t index);
  void Read(size_t index);
  void OnHead(size_t index);
  void OnEvent(Connection& connection, const StreamEvent& event, uint64_t now);
  void Fail(size_t index, std::string_view what);
  void OnServerClosed(size_t index);
  void CountTail();
  void CountEndedWhileStopped();

  const SubscriberOptions& options_;
  const Commands& commands_;
  SubscriberBoard& board_;
  std::span<Number> receipts_;
  Fd epoll_;
  std::vector<epoll_event> ready_;
  std::vector<Connection> connections_;
  std::deque<Retry> retries_;
  std::vector<char> buffer_;
  SequenceFaults faults_;
  uint64_t ramp_from_ns_ = 0;
  size_t ramp_base_ = 0;
  size_t connecting_ = 0;
  bool reconnected_ = false;
};

}  // namespace sluice::cli::bench
