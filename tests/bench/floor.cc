// The floor: what it costs at least to hand an event to N sockets. One thread, and per event one
// plain loop of send() over all of them, in the order in which they came. `scripts/bench` runs it
// in turn with Sluice, driven the same way, and compares.
//
// It does: answer every GET with the head of an event stream; frame each message as Sluice does (id
// line, data line, HTTP/1.1 chunk), once; set the same socket options; take messages from a Redis
// channel, from POST bodies, or from a schedule of its own.
// It does not: parse HTTP beyond the end of the head, merge messages that came together, keep
// history, wait for a slow socket (it is closed), notice that a client left before the next event
// fails, send heartbeats, or limit anything.
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

constexpr std::string_view kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache, "
    "no-transform\r\n"
    "X-Accel-Buffering: no\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
    "12\r\nretry: 3000\n: ok\n\n\r\n";
constexpr std::string_view kAccepted =
    "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

struct Options {
  uint16_t port = 0;  // on 127.0.0.1
  std::string redis;  // path of its unix socket
  std::string channel = "news";
  double rate = 0;    // events a second of its own; 0: none
  size_t size = 100;  // bytes of such an event
};

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "floor: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

uint64_t NowNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(now.tv_nsec);
}

// Takes "<digits>\r\n" off `text`; false if it is not all there.
bool TakeLength(std::string_view& text, char mark, size_t& length) {
  const size_t end = text.find("\r\n");
  if (end == std::string_view::npos) return false;
  if (text.front() != mark) Die("unexpected reply from Redis");
  std::from_chars(text.data() + 1, text.data() + end, length);
  text.remove_prefix(end + 2);
  return true;
}

class Floor {
 public:
  explicit Floor(const Options& options) : options_(options), epoll_(epoll_create1(0)) {
    Listen();
    if (!options_.redis.empty()) Subscribe();
    std::printf("ready\n");
    std::fflush(stdout);
  }

  [[noreturn]] void Run() {
    std::array<epoll_event, 512> ready{};
    uint64_t due = NowNs();
    for (;;) {
      int timeout = -1;
      if (options_.rate > 0) {
        const uint64_t now = NowNs();
        if (now >= due) {
          PublishOwn(due);
          due += static_cast<uint64_t>(1e9 / options_.rate);
          continue;
        }
        timeout = static_cast<int>((due - now + 999'999) / 1'000'000);
      }
      const int count = epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), timeout);
      for (int i = 0; i < count; ++i) OnReady(ready[static_cast<size_t>(i)].data.fd);
    }
  }

 private:
  void Watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) Die("epoll_ctl");
  }

  void Listen() {
    constexpr int kBacklog = 4096;
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, raw, length) != 0 || listen(listener_, kBacklog) != 0) Die("listen");
    getsockname(listener_, raw, &length);
    std::printf("listen 127.0.0.1:%d\n", ntohs(address.sin_port));
    Watch(listener_);
  }

  void Subscribe() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    options_.redis.copy(address.sun_path, sizeof(address.sun_path) - 1);
    redis_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(redis_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      Die("connect to Redis");
    }
    const std::string command = "SUBSCRIBE " + options_.channel + "\r\n";
    if (send(redis_, command.data(), command.size(), 0) < 0) Die("SUBSCRIBE");
    Watch(redis_);
  }

  void OnReady(int fd) {
    if (fd == listener_) {
      Accept();
    } else if (fd == redis_) {
      OnRedis();
    } else {
      OnRequest(fd);
    }
  }

  void Accept() {
    constexpr int kNotSentBytes = 16 * 1024;
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kNotSentBytes, sizeof(kNotSentBytes));
      Watch(fd);
    }
  }

  void OnRequest(int fd) {
    const ssize_t received = recv(fd, buffer_.data(), buffer_.size(), 0);
    if (received <= 0) {
      requests_.erase(fd);
      close(fd);
      return;
    }
    std::string& request = requests_[fd];
    request.append(buffer_.data(), static_cast<size_t>(received));
    if (request.starts_with("POST ")) {
      OnPost(fd, request);
    } else if (request.ends_with("\r\n\r\n")) {
      requests_.erase(fd);
      // From here on the socket is only written to.
      epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
      if (send(fd, kHead.data(), kHead.size(), MSG_NOSIGNAL) > 0) {
        streams_.push_back(fd);
      } else {
        close(fd);
      }
    }
  }

  // Publishes the body; several requests may have come at once.
  void OnPost(int fd, std::string& request) {
    for (;;) {
      const size_t field = request.find("Content-Length: ");
      const size_t end = request.find("\r\n\r\n");
      if (end == std::string::npos) return;
      if (field == std::string::npos || field > end) Die("POST without Content-Length");
      const size_t length = std::strtoul(request.c_str() + field + 16, nullptr, 10);
      if (request.size() < end + 4 + length) return;
      Publish(std::string_view(request).substr(end + 4, length));
      request.erase(0, end + 4 + length);
      if (send(fd, kAccepted.data(), kAccepted.size(), MSG_NOSIGNAL) < 0) return;
    }
  }

  void OnRedis() {
    const ssize_t received = recv(redis_, buffer_.data(), buffer_.size(), 0);
    if (received <= 0) Die("Redis closed the connection");
    replies_.append(buffer_.data(), static_cast<size_t>(received));
    std::string_view rest = replies_;
    while (TakeReply(rest)) {
    }
    replies_.erase(0, replies_.size() - rest.size());
  }

  // "message", channel, payload; the acknowledgement "subscribe", channel, :1 is skipped.
  bool TakeReply(std::string_view& rest) {
    std::string_view text = rest;
    std::array<std::string_view, 3> parts;
    size_t count = 0;
    if (!TakeLength(text, '*', count)) return false;
    for (std::string_view& part : parts) {
      size_t length = 0;
      if (text.empty()) return false;
      if (text.front() == ':') {
        if (!TakeLength(text, ':', length)) return false;
        continue;
      }
      if (!TakeLength(text, '$', length) || text.size() < length + 2) return false;
      part = text.substr(0, length);
      text.remove_prefix(length + 2);
    }
    if (parts[0] == "message") Publish(parts[2]);
    rest = text;
    return true;
  }

  void PublishOwn(uint64_t intended_ns) {
    std::array<char, 96> stamp{};
    const int length =
        std::snprintf(stamp.data(), stamp.size(), "{\"seq\":%llu,\"t\":%llu,\"p\":\"",
                      static_cast<unsigned long long>(sequence_ + 1),
                      static_cast<unsigned long long>(intended_ns));
    std::string payload(stamp.data(), static_cast<size_t>(length));
    payload.resize(std::max(options_.size, payload.size() + 2) - 2, 'x');
    Publish(payload + "\"}");
  }

  void Publish(std::string_view payload) {
    const std::string event =
        "id: k3x9abcd." + std::to_string(++sequence_) + "\ndata: " + std::string(payload) + "\n\n";
    std::array<char, 24> size{};
    std::snprintf(size.data(), size.size(), "%zx\r\n", event.size());
    const std::string frame = size.data() + event + "\r\n";
    for (size_t i = 0; i < streams_.size();) {
      if (send(streams_[i], frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
          static_cast<ssize_t>(frame.size())) {
        ++i;
        continue;
      }
      close(streams_[i]);
      streams_[i] = streams_.back();
      streams_.pop_back();
    }
  }

  const Options options_;
  int epoll_;
  int listener_ = -1;
  int redis_ = -1;
  uint64_t sequence_ = 0;
  std::vector<int> streams_;
  std::unordered_map<int, std::string> requests_;  // heads that are not complete, and publishers
  std::string replies_;
  std::array<char, 64 * 1024> buffer_{};
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--port") options.port = static_cast<uint16_t>(std::atoi(argv[i + 1]));
    if (name == "--redis") options.redis = argv[i + 1];
    if (name == "--channel") options.channel = argv[i + 1];
    if (name == "--rate") options.rate = std::atof(argv[i + 1]);
    if (name == "--size") options.size = static_cast<size_t>(std::atol(argv[i + 1]));
  }
  if (argc % 2 == 0) {
    std::fprintf(stderr,
                 "usage: floor [--port N] [--redis SOCKET] [--channel NAME] [--rate EVENTS] "
                 "[--size BYTES]\n");
    return 2;
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  Floor floor(options);
  floor.Run();
}
