// The app server that proxies are measured in front of (`scripts/bench proxy`): as cheap as can be,
// in one thread.
//
//   GET /bytes/N   N bytes of the pattern, with Content-Length
//   GET /events    an event stream, in chunks. --events a second in all go out, evenly spaced, each
//                  to the next stream in turn: "data: <CLOCK_MONOTONIC in ns, when it was sent>"
//
// Connections are kept. It does not read bodies, and answers anything else with 404.
#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/pattern.h"
#include "bench/poller.h"

namespace sluice::bench {
namespace {

constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view kNotFound = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

struct Connection {
  int fd = -1;
  std::string request;  // a head that is not complete
  std::string head;     // of an answer: what the kernel has not taken
  uint64_t offset = 0;  // in the body
  uint64_t left = 0;    // of the body
  bool waits = false;   // for the socket to be writable
  bool streams = false;
};

class Origin {
 public:
  explicit Origin(double events_per_second)
      : period_ns_(events_per_second > 0
                       ? static_cast<uint64_t>(static_cast<double>(kSecond) / events_per_second)
                       : 0) {
    Listen();
  }

  [[noreturn]] void Run() {
    uint64_t due = NowNs() + period_ns_;
    for (;;) {
      const bool ticking = period_ns_ > 0 && !streams_.empty();
      for (const epoll_event& event : poller_.Wait(ticking ? due : NowNs() + kSecond)) {
        if (event.data.ptr == nullptr) {
          Accept();
        } else {
          OnReady(*static_cast<Connection*>(event.data.ptr), event.events);
        }
      }
      gone_.clear();
      if (!ticking) {
        due = NowNs() + period_ns_;
      } else if (NowNs() >= due && !streams_.empty()) {
        SendEvent();
        // What is late is not made up for: the proxy is to be measured, not this program.
        due = std::max(due + period_ns_, NowNs());
      }
    }
  }

 private:
  void Listen() {
    constexpr int kBacklog = 4096;
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, raw, length) != 0 || listen(listener_, kBacklog) != 0) Die("listen");
    getsockname(listener_, raw, &length);
    poller_.Add(listener_, EPOLLIN, nullptr);
    std::printf("listen 127.0.0.1:%d\nready\n", ntohs(address.sin_port));
    std::fflush(stdout);
  }

  void Accept() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      // Memory for what a slow client has not taken is to be the proxy's, not this program's.
      const int on = 1;
      const int not_sent_bytes = 128 * 1024;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &not_sent_bytes, sizeof(not_sent_bytes));
      auto connection = std::make_unique<Connection>();
      connection->fd = fd;
      poller_.Add(fd, EPOLLIN, connection.get());
      connections_[fd] = std::move(connection);
    }
  }

  void Close(Connection& connection) {
    if (connection.streams) std::erase(streams_, &connection);
    close(connection.fd);
    // Another event of this round may still point at it.
    gone_.push_back(std::move(connections_[connection.fd]));
    connections_.erase(connection.fd);
    gone_.back()->fd = -1;
  }

  void OnReady(Connection& connection, uint32_t events) {
    if (connection.fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
      OnReadable(connection);
    if (connection.fd >= 0 && (events & EPOLLOUT) != 0) SendBody(connection);
  }

  void OnReadable(Connection& connection) {
    const ssize_t received = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
    if (received < 0 && errno == EAGAIN) return;
    if (received <= 0) {
      Close(connection);
      return;
    }
    const std::string_view bytes(buffer_.data(), static_cast<size_t>(received));
    if (connection.request.empty() && bytes.ends_with("\r\n\r\n")) {
      Answer(connection, bytes);
      return;
    }
    connection.request += bytes;
    if (!connection.request.ends_with("\r\n\r\n")) return;
    Answer(connection, std::exchange(connection.request, {}));
  }

  void Answer(Connection& connection, std::string_view request) {
    constexpr std::string_view kBytes = "GET /bytes/";
    if (request.starts_with(kBytes)) {
      request.remove_prefix(kBytes.size());
      std::from_chars(request.data(), request.data() + request.size(), connection.left);
      connection.offset = 0;
      connection.head =
          "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ";
      connection.head += std::to_string(connection.left);
      connection.head += "\r\n\r\n";
    } else if (request.starts_with("GET /events")) {
      connection.head = kStreamHead;
      connection.streams = true;
      streams_.push_back(&connection);
    } else {
      connection.head = kNotFound;
    }
    SendBody(connection);
  }

  // The head and as much of the body as the kernel takes.
  void SendBody(Connection& connection) {
    constexpr uint64_t kSmall = 16 * 1024;
    if (!connection.head.empty() && connection.left <= kSmall) {
      connection.head += pattern_.At(0, connection.left);
      connection.left = 0;
    }
    while (!connection.head.empty() || connection.left > 0) {
      const bool head = !connection.head.empty();
      const std::string_view piece =
          head ? connection.head : pattern_.At(connection.offset, connection.left);
      const ssize_t sent = send(connection.fd, piece.data(), piece.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) {
        Close(connection);
        return;
      }
      if (sent < 0) {
        Want(connection, true);
        return;
      }
      const auto taken = static_cast<size_t>(sent);
      if (head) {
        connection.head.erase(0, taken);
      } else {
        connection.offset += taken;
        connection.left -= taken;
      }
    }
    Want(connection, false);
  }

  void Want(Connection& connection, bool writable) {
    if (connection.waits == writable) return;
    connection.waits = writable;
    poller_.Change(connection.fd, writable ? EPOLLIN | EPOLLOUT : EPOLLIN, &connection);
  }

  void SendEvent() {
    next_ = (next_ + 1) % streams_.size();
    Connection& stream = *streams_[next_];
    std::array<char, 64> text{};
    // "data: ", 20 digits, two line ends: 28 bytes in the chunk.
    const int length = std::snprintf(text.data(), text.size(), "1c\r\ndata: %020llu\n\n\r\n",
                                     static_cast<unsigned long long>(NowNs()));
    if (send(stream.fd, text.data(), static_cast<size_t>(length), MSG_NOSIGNAL) != length) {
      Close(stream);
    }
    gone_.clear();
  }

  const uint64_t period_ns_;  // between two events; 0: none
  Poller poller_;
  Pattern pattern_;
  int listener_ = -1;
  std::unordered_map<int, std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Connection>> gone_;  // closed in this round
  std::vector<Connection*> streams_;
  size_t next_ = 0;  // of streams_
  std::array<char, 16 * 1024> buffer_{};
};

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  double events = 0;
  if (argc == 3 && std::string_view(argv[1]) == "--events") {
    events = std::atof(argv[2]);
  } else if (argc != 1) {
    std::fprintf(stderr, "usage: bench_origin [--events PER_SECOND]\n");
    return 2;
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  sluice::bench::Origin origin(events);
  origin.Run();
}
