#include "uv/fd_stream.h"

#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

namespace sluice::uv {
namespace {

constexpr auto kPipelined = static_cast<uint8_t>(net::PauseReason::kPipelined);

ssize_t Taken(ssize_t n) {
  if (n >= 0) return n;
  return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
}

}  // namespace

FdStream::FdStream(LoopImpl& loop, int fd, const net::PeerAddress& peer)
    : poll_(this, [&loop, fd](uv_poll_t* poll) { return uv_poll_init(loop.raw(), poll, fd); }),
      fd_(fd),
      peer_(peer) {}

FdStream::~FdStream() {
  poll_.Close();  // before the number can be given to another connection
  close(fd_);
}

void FdStream::SetHandler(net::StreamHandler* handler) {
  handler_ = handler;
  Rearm();
}

ssize_t FdStream::TryWrite(std::span<const iovec> parts) {
  if (parts.size() == 1) return net::SendNow(fd_, parts[0].iov_base, parts[0].iov_len);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  for (;;) {
    const ssize_t n = sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    return Taken(n);
  }
}

void FdStream::WantWritable(bool on) {
  want_writable_ = on;
  Rearm();
}

void FdStream::PauseReading(net::PauseReason reason) {
  paused_ = static_cast<uint8_t>(paused_ | static_cast<uint8_t>(reason));
  // A pipelined request often has its turn before anything more arrives, and then nothing need
  // change: see OnPoll.
  if (reason != net::PauseReason::kPipelined) Rearm();
}

void FdStream::ResumeReading(net::PauseReason reason) {
  paused_ = static_cast<uint8_t>(paused_ & ~static_cast<uint8_t>(reason));
  if (paused_ == 0) end_told_ = false;
  Rearm();
}

void FdStream::ShutdownWrite() {
  shutdown(fd_, SHUT_WR);
}

void FdStream::ResetOnClose() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  // A unix socket knows no RST: there it does nothing.
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void FdStream::Rearm() {
  int events = want_writable_ ? UV_WRITABLE : 0;
  if (handler_ != nullptr && !ended_) {
    if (paused_ == 0) events |= UV_READABLE;
    // Without any interest the kernel would not tell of a reset either.
    if (paused_ == kPipelined && !end_told_) events |= UV_DISCONNECT;
  }
  if (events == armed_) return;
  armed_ = static_cast<uint8_t>(events);
  if (events == 0) {
    uv_poll_stop(poll_.get());
  } else {
    uv_poll_start(poll_.get(), events, &FdStream::OnPoll);
  }
}

void FdStream::OnPoll(uv_poll_t* poll, int status, int events) {
  auto* self = static_cast<FdStream*>(poll->data);
  if (self == nullptr || self->handler_ == nullptr) return;
  if (status != 0) {
    // libuv stopped the watcher on POLLERR. What arrived before the error can still be read, and
    // often says why the peer gave up; recv reports the error after it.
    const bool reading = (self->armed_ & UV_READABLE) != 0 && self->paused_ == 0;
    self->armed_ = 0;
    if (reading) {
      self->Read();
      if (poll->data != nullptr) self->Rearm();
      return;
    }
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(self->fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    self->Dead(error != 0 ? error : ECONNRESET);
    return;
  }
  if ((events & UV_READABLE) != 0) {
    if (self->paused_ == 0) {
      self->Read();
    } else {
      self->Rearm();
    }
  } else if ((events & UV_DISCONNECT) != 0) {
    self->EndWaits();
  }
  // The handler may have destroyed the stream; the handle's memory lives until its close callback.
  if (poll->data == nullptr) return;
  if ((events & UV_WRITABLE) != 0 && self->want_writable_ && self->handler_ != nullptr) {
    self->handler_->OnWritable();
  }
}

void FdStream::Read() {
  auto& buffer = LoopImpl::Of(poll_.get()->loop).read_buffer();
  ssize_t n;
  do {
    n = recv(fd_, buffer.data(), read_limit_, MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  if (n > 0) {
    handler_->OnData(std::string_view(buffer.data(), static_cast<size_t>(n)));
  } else if (n == 0) {
    ended_ = true;
    Rearm();
    handler_->OnEnd();
  } else if (errno != EAGAIN && errno != EWOULDBLOCK) {
    Dead(errno);
  }
}

void FdStream::EndWaits() {
  if (paused_ != kPipelined) return;
  end_told_ = true;
  Rearm();
  handler_->OnEndWaits();
}

void FdStream::Dead(int error) {
  ended_ = true;
  want_writable_ = false;
  armed_ = 0;
  uv_poll_stop(poll_.get());
  handler_->OnClosed(error);
}

}  // namespace sluice::uv
