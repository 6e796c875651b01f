#include "cli/bench_publisher.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <memory>
#include <string>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "cli/bench_payload.h"
#include "sluice/base/clock.h"

namespace sluice::cli::bench {
namespace {

constexpr uint64_t kIdleNs = 20'000'000;
constexpr uint32_t kConnectTimeoutMs = 5'000;

class Publisher {
 public:
  Publisher(const PublishTarget& target, const Schedule& schedule, const Commands& commands,
            PublisherBoard& board)
      : target_(target),
        schedule_(schedule),
        commands_(commands),
        board_(board),
        protocol_(target.MakeProtocol()) {}

  Result<> Run() {
    const auto address = Resolve(target_.endpoint);
    if (!address) return tl::unexpected(address.error());
    auto fd = Connect(*address, kConnectTimeoutMs);
    if (!fd) return tl::unexpected(fd.error());
    fd_ = std::move(*fd);
    greetings_ = protocol_->Greet(out_);

    while (commands_.stop.Get() == 0 && replies_ < greetings_ + schedule_.events) {
      const uint64_t now = MonotonicNs();
      EncodeDue(now);
      if (auto sent = Flush(); !sent) return sent;
      if (auto waited = Wait(now); !waited) return waited;
      if (auto read = Receive(); !read) return read;
      board_.sent.Set(encoded_);
      board_.acknowledged.Set(replies_ - std::min(replies_, greetings_));
      if (replies_ >= greetings_) board_.ready.Set(1);
    }
    return {};
  }

 private:
  [[nodiscard]] uint64_t DueNs(uint64_t sequence) const {
    return commands_.publish_from_ns.Get() + schedule_.OffsetNs(sequence);
  }

  void EncodeDue(uint64_t now) {
    if (commands_.publish_from_ns.Get() == 0) return;
    while (encoded_ < schedule_.events && DueNs(encoded_ + 1) <= now) {
      const Stamp stamp{encoded_ + 1, DueNs(encoded_ + 1)};
      MakePayload(stamp, schedule_.payload_bytes, payload_);
      protocol_->Encode(payload_, out_);
      board_.lateness.Record(now - stamp.intended_ns);
      ++encoded_;
    }
  }

  Result<> Flush() {
    if (out_.empty()) return {};
    const ssize_t sent = send(fd_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return FailSystem("publish", errno);
    if (sent > 0) out_.erase(0, static_cast<size_t>(sent));
    return {};
  }

  // Until the next event is due, a reply is there, or the rest can be sent.
  Result<> Wait(uint64_t now) {
    uint64_t pause = kIdleNs;
    if (commands_.publish_from_ns.Get() != 0 && encoded_ < schedule_.events) {
      const uint64_t due = DueNs(encoded_ + 1);
      pause = due > now ? std::min(kIdleNs, due - now) : 0;
    }
    const timespec timeout{.tv_sec = 0, .tv_nsec = static_cast<long>(pause)};
    pollfd waiting{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    if (!out_.empty()) waiting.events = POLLIN | POLLOUT;
    if (ppoll(&waiting, 1, &timeout, nullptr) < 0 && errno != EINTR) {
      return FailSystem("poll", errno);
    }
    readable_ = (waiting.revents & ~POLLOUT) != 0;
    return {};
  }

  Result<> Receive() {
    if (!readable_) return {};
    const ssize_t received = recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) return {};
    if (received < 0) return FailSystem("publish", errno);
    if (received == 0) return Fail(Errc::kClosed, "publish: the server closed the connection");
    const auto replies =
        protocol_->TakeReplies(std::string_view(buffer_.data(), static_cast<size_t>(received)));
    if (!replies) return tl::unexpected(replies.error());
    replies_ += *replies;
    return {};
  }

  const PublishTarget& target_;
  const Schedule& schedule_;
  const Commands& commands_;
  PublisherBoard& board_;
  std::unique_ptr<PublishProtocol> protocol_;
  Fd fd_;
  std::string out_;
  std::string payload_;
  std::array<char, size_t{64} * 1024> buffer_{};
  uint64_t greetings_ = 0;
  uint64_t encoded_ = 0;
  uint64_t replies_ = 0;
  bool readable_ = false;
};

}  // namespace

void RunPublisher(const PublishTarget& target, const Schedule& schedule, const Commands& commands,
                  PublisherBoard& board) {
  // The default slack of 50 µs would be half an interval at 10,000 events a second.
  (void)prctl(PR_SET_TIMERSLACK, 1UL);
  const auto publisher = std::make_unique<Publisher>(target, schedule, commands, board);
  const auto result = publisher->Run();
  if (!result) board.error.Write(result.error().message);
  board.finished.Set(1);
}

}  // namespace sluice::cli::bench
