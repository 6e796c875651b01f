#include "uv/connector_impl.h"

#include <cerrno>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "uv/fd_stream.h"

namespace sluice::uv {

ConnectorImpl::ConnectorImpl(LoopImpl& loop, const net::Endpoint& endpoint, uint64_t timeout_ms,
                             net::ConnectCallback connected)
    : loop_(loop),
      endpoint_(endpoint),
      connected_(std::move(connected)),
      start_(loop.MakeTimer([this] {
        const Result<SocketAddress> address = ToSocketAddress(endpoint_);
        if (!address) {
          lookup_.emplace(
              loop_, endpoint_.host, endpoint_.port,
              [this](Result<std::vector<SocketAddress>> found) { OnResolved(std::move(found)); });
          return;
        }
        addresses_.push_back(*address);
        TryNext();
      })),
      timeout_(loop.MakeTimer([this] {
        CloseAttempt();
        Done(Fail(Errc::kTimeout,
                  "cannot connect to " + endpoint_.ToString() + ": no answer in time"));
      })) {
  start_->Start(0);
  timeout_->Start(timeout_ms);
}

ConnectorImpl::~ConnectorImpl() {
  CloseAttempt();
}

void ConnectorImpl::OnResolved(Result<std::vector<SocketAddress>> found) {
  if (!found) {
    Done(tl::unexpected(std::move(found.error())));
    return;
  }
  addresses_ = std::move(*found);
  TryNext();
}

void ConnectorImpl::TryNext() {
  while (next_ < addresses_.size()) {
    const SocketAddress& address = addresses_[next_++];
    fd_ = socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd_ < 0) {
      last_error_ = errno;
      continue;
    }
    if (address.storage.ss_family != AF_UNIX) SetOption(fd_, IPPROTO_TCP, TCP_NODELAY, 1);
    if (connect(fd_, address.get(), address.size) != 0 && errno != EINPROGRESS) {
      last_error_ = errno;
      CloseAttempt();
      continue;
    }
    watcher_ = loop_.MakeFdWatcher(fd_, [this](uint8_t) { OnReady(); });
    watcher_->Watch(event::FdWatcher::kWritable);
    return;
  }
  auto failure = FailSystem("cannot connect to " + endpoint_.ToString(), last_error_);
  // Descriptors have run out: that is no fault of the other side.
  if (last_error_ == EMFILE || last_error_ == ENFILE) failure.value().code = Errc::kLimit;
  Done(std::move(failure));
}

void ConnectorImpl::OnReady() {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    last_error_ = error;
    CloseAttempt();
    TryNext();
    return;
  }
  watcher_.reset();  // the stream watches the descriptor from now on
  auto stream = std::make_unique<FdStream>(loop_, std::exchange(fd_, -1),
                                           ToPeerAddress(addresses_[next_ - 1]));
  if (!stream->ok()) {
    Done(Fail(Errc::kSystem, "cannot watch the connection to " + endpoint_.ToString()));
    return;
  }
  Done(std::unique_ptr<net::Stream>(std::move(stream)));
}

void ConnectorImpl::Done(Result<std::unique_ptr<net::Stream>> result) {
  timeout_->Stop();
  // A copy: the callback usually destroys this object.
  net::ConnectCallback connected = std::move(connected_);
  connected(std::move(result));
}

void ConnectorImpl::CloseAttempt() {
  watcher_.reset();
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

}  // namespace sluice::uv
