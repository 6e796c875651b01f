#include "uv/connector_impl.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "uv/fd_stream.h"

namespace sluice::uv {

struct ConnectorImpl::Resolve {
  uv_getaddrinfo_t request{};
  ConnectorImpl* owner = nullptr;  // null once the owner is gone
};

ConnectorImpl::ConnectorImpl(LoopImpl& loop, const net::Endpoint& endpoint, uint64_t timeout_ms,
                             net::ConnectCallback connected)
    : loop_(loop),
      endpoint_(endpoint),
      connected_(std::move(connected)),
      start_(loop.MakeTimer([this] {
        const Result<SocketAddress> address = ToSocketAddress(endpoint_);
        if (!address) {
          StartResolve();
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
  if (resolve_ != nullptr) {
    resolve_->owner = nullptr;
    uv_cancel(reinterpret_cast<uv_req_t*>(&resolve_->request));
  }
}

void ConnectorImpl::StartResolve() {
  resolve_ = new Resolve;
  resolve_->owner = this;
  resolve_->request.data = resolve_;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  const int status = uv_getaddrinfo(loop_.raw(), &resolve_->request, &ConnectorImpl::OnResolved,
                                    endpoint_.host.c_str(), nullptr, &hints);
  if (status == 0) return;
  delete std::exchange(resolve_, nullptr);
  Done(Fail(Errc::kNotFound, "cannot resolve " + endpoint_.host + ": " + uv_strerror(status)));
}

void ConnectorImpl::OnResolved(uv_getaddrinfo_t* request, int status, addrinfo* found) {
  const std::unique_ptr<Resolve> resolve(static_cast<Resolve*>(request->data));
  const std::unique_ptr<addrinfo, decltype(&uv_freeaddrinfo)> list(found, &uv_freeaddrinfo);
  ConnectorImpl* self = resolve->owner;
  if (self == nullptr) return;
  self->resolve_ = nullptr;
  if (status != 0) {
    self->Done(Fail(Errc::kNotFound,
                    "cannot resolve " + self->endpoint_.host + ": " + uv_strerror(status)));
    return;
  }
  for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
    SocketAddress address;
    memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.size = entry->ai_addrlen;
    const uint16_t port = htons(self->endpoint_.port);
    if (entry->ai_family == AF_INET) {
      memcpy(reinterpret_cast<char*>(&address.storage) + offsetof(sockaddr_in, sin_port), &port, 2);
    } else {
      memcpy(reinterpret_cast<char*>(&address.storage) + offsetof(sockaddr_in6, sin6_port), &port,
             2);
    }
    self->addresses_.push_back(address);
  }
  self->TryNext();
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
  Done(FailSystem("cannot connect to " + endpoint_.ToString(), last_error_));
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
