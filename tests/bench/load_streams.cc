// Event streams whose events carry the time at which the origin sent them: how much later they
// arrive is what lies between.
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "bench/load.h"
#include "bench/load_answer.h"
#include "bench/poller.h"

namespace sluice::bench {
namespace {

constexpr std::string_view kRequest =
    "GET /events HTTP/1.1\r\nHost: app.example\r\nAccept: text/event-stream\r\n\r\n";

struct Reader {
  Fd fd;
  bool open = false;   // its head has come
  std::string buffer;  // what is not complete
  uint64_t last_ns = 0;
};

class Streams {
 public:
  explicit Streams(const LoadOptions& options) : options_(options), window_(options) {}

  nlohmann::json Run() {
    for (uint32_t n = 0; n < options_.connections; ++n) {
      readers_.push_back(std::make_unique<Reader>());
      readers_.back()->fd = ConnectTo(options_);
      poller_.Add(readers_.back()->fd.get(), EPOLLOUT, readers_.back().get());
    }
    constexpr double kConnectSeconds = 20;
    Drive(kConnectSeconds, true);
    if (opened_ < options_.connections) faults_.Add("not all streams opened");
    Drive(options_.warmup_s, false);
    window_.Start();
    Drive(options_.duration_s, false);
    window_.Stop();
    nlohmann::json report = {{"streams", opened_}, {"faults", faults_.ToJson()}};
    window_.Report(latency_->count(), report);
    report["latency_us"] = ToJson(*latency_);
    return report;
  }

 private:
  void Drive(double seconds, bool until_open) {
    const uint64_t end = NowNs() + static_cast<uint64_t>(seconds * static_cast<double>(kSecond));
    while (NowNs() < end && !(until_open && opened_ == options_.connections)) {
      for (const epoll_event& event : poller_.Wait(end)) {
        OnReady(*static_cast<Reader*>(event.data.ptr), event.events);
      }
    }
  }

  void OnReady(Reader& reader, uint32_t events) {
    if ((events & EPOLLOUT) != 0) {
      poller_.Change(reader.fd.get(), EPOLLIN, &reader);
      if (send(reader.fd.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) {
        End(reader, "the request could not be sent");
      }
      return;
    }
    const ssize_t received = recv(reader.fd.get(), buffer_.data(), buffer_.size(), 0);
    const uint64_t now = NowNs();
    if (received < 0 && errno == EAGAIN) return;
    if (received <= 0) {
      End(reader, "a stream ended");
      return;
    }
    reader.buffer.append(buffer_.data(), static_cast<size_t>(received));
    if (!reader.open && !TakeHead(reader)) return;
    while (reader.fd.open() && TakeChunk(reader, now)) {
    }
  }

  bool TakeHead(Reader& reader) {
    const size_t end = reader.buffer.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const std::string head = reader.buffer.substr(0, end + 4);
    if (!head.starts_with("HTTP/1.1 200 ") ||
        FieldOf(head, "content-type") != "text/event-stream" ||
        FieldOf(head, "transfer-encoding") != "chunked") {
      End(reader, head.substr(0, head.find('\r')));
      return false;
    }
    reader.buffer.erase(0, end + 4);
    reader.open = true;
    ++opened_;
    return true;
  }

  // One chunk with one event or several.
  bool TakeChunk(Reader& reader, uint64_t now) {
    const std::string_view bytes = reader.buffer;
    const size_t line = bytes.find("\r\n");
    if (line == std::string_view::npos) return false;
    size_t size = 0;
    std::from_chars(bytes.data(), bytes.data() + line, size, 16);
    if (size == 0) {
      End(reader, "a stream ended");
      return false;
    }
    if (bytes.size() < line + 2 + size + 2) return false;
    TakeEvents(reader, bytes.substr(line + 2, size), now);
    reader.buffer.erase(0, line + 2 + size + 2);
    return true;
  }

  void TakeEvents(Reader& reader, std::string_view events, uint64_t now) {
    constexpr size_t kEvent = 28;  // "data: ", 20 digits, two line ends
    for (; !events.empty(); events.remove_prefix(kEvent)) {
      if (events.size() < kEvent || !events.starts_with("data: ")) {
        faults_.Add("not an event: " + std::string(events.substr(0, kEvent)));
        return;
      }
      uint64_t sent = 0;
      std::from_chars(events.data() + 6, events.data() + 26, sent);
      if (sent <= reader.last_ns || sent > now) faults_.Add("an event out of order");
      reader.last_ns = sent;
      if (window_.started()) latency_->Record(now - sent);
    }
  }

  void End(Reader& reader, const std::string& why) {
    faults_.Add(why);
    reader.buffer.clear();
    reader.fd.Reset();
  }

  const LoadOptions& options_;
  Window window_;
  Poller poller_;
  std::vector<std::unique_ptr<Reader>> readers_;
  uint32_t opened_ = 0;
  std::unique_ptr<Histogram> latency_ = std::make_unique<Histogram>();
  Faults faults_;
  std::array<char, 64 * 1024> buffer_{};
};

}  // namespace

nlohmann::json RunStreams(const LoadOptions& options) {
  return std::make_unique<Streams>(options)->Run();
}

}  // namespace sluice::bench
