#include "uv/listener_impl.h"

#include <cerrno>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sluice/base/log.h"
#include "uv/fd_stream.h"
#include "uv/socket.h"

namespace sluice::uv {
namespace {

// A socket file that a dead process left behind refuses connections; it may be replaced.
void RemoveStaleSocket(const net::Endpoint& endpoint, const SocketAddress& address) {
  struct stat info {};
  if (lstat(endpoint.unix_path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return;
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return;
  if (connect(probe, address.get(), address.size) != 0 && errno == ECONNREFUSED) {
    unlink(endpoint.unix_path.c_str());
  }
  close(probe);
}

// On Linux an accepted socket inherits these from the listening one: no system call per accept.
void SetInheritedOptions(int fd, const net::ListenOptions& options) {
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, static_cast<int>(options.notsent_lowat_bytes));
  SetOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(options.user_timeout_ms));
}

// Binding without SO_REUSEPORT fails if another socket listens there, whatever its options.
int ClaimPort(const SocketAddress& address) {
  const int probe = socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return errno;
  SetOption(probe, SOL_SOCKET, SO_REUSEADDR, 1);
  const int error = bind(probe, address.get(), address.size) == 0 ? 0 : errno;
  close(probe);
  return error;
}

// Fails with what can be done about it.
tl::unexpected<Error> FailToListen(const std::string& where, int error) {
  tl::unexpected<Error> failure = FailSystem(where, error);
  std::string& message = failure.value().message;
  if (error == EADDRINUSE) message += "; another process, or another entry, has this address";
  if (error == EACCES) message += "; ports below 1024 need CAP_NET_BIND_SERVICE";
  if (error == EADDRNOTAVAIL) message += "; this machine has no such address";
  return failure;
}

uint16_t BoundPort(int fd) {
  SocketAddress bound;
  bound.size = sizeof bound.storage;
  if (getsockname(fd, bound.get(), &bound.size) != 0) return 0;
  return ToPeerAddress(bound).port;
}

}  // namespace

Result<std::unique_ptr<net::Listener>> ListenerImpl::Open(LoopImpl& loop,
                                                          const net::ListenOptions& options,
                                                          net::AcceptCallback accepted,
                                                          net::ExhaustedCallback exhausted) {
  const std::string where = "cannot listen on " + options.endpoint.ToString();
  const Result<SocketAddress> address = ToSocketAddress(options.endpoint);
  if (!address) return Fail(address.error().code, where + ": " + address.error().message);
  if (options.reuse_port && options.claim) {
    if (const int error = ClaimPort(*address); error != 0) return FailToListen(where, error);
  }
  const int family = address->storage.ss_family;
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return FailToListen(where, errno);

  if (options.endpoint.is_unix()) {
    RemoveStaleSocket(options.endpoint, *address);
  } else {
    SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (options.reuse_port) SetOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (family == AF_INET6) SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    SetInheritedOptions(fd, options);
  }
  if (bind(fd, address->get(), address->size) != 0 ||
      listen(fd, static_cast<int>(options.backlog)) != 0) {
    const int error = errno;
    close(fd);
    return FailToListen(where, error);
  }
  std::unique_ptr<ListenerImpl> listener(
      new ListenerImpl(loop, fd, options, std::move(accepted), std::move(exhausted)));
  if (!listener->options_.endpoint.is_unix()) listener->options_.endpoint.port = BoundPort(fd);
  if (listener->watcher_ == nullptr)
    return Fail(Errc::kSystem, where + ": cannot watch the socket");
  listener->watcher_->Watch(event::FdWatcher::kReadable);
  return listener;
}

ListenerImpl::ListenerImpl(LoopImpl& loop, int fd, const net::ListenOptions& options,
                           net::AcceptCallback accepted, net::ExhaustedCallback exhausted)
    : loop_(loop),
      fd_(fd),
      options_(options),
      accepted_(std::move(accepted)),
      exhausted_(std::move(exhausted)),
      resume_(loop.MakeTimer([this] { watcher_->Watch(event::FdWatcher::kReadable); })),
      watcher_(loop.MakeFdWatcher(fd, [this](uint8_t) { AcceptSome(); })) {}

ListenerImpl::~ListenerImpl() {
  watcher_.reset();
  close(fd_);
  if (options_.endpoint.is_unix()) unlink(options_.endpoint.unix_path.c_str());
}

void ListenerImpl::SetClientOptions(uint32_t notsent_lowat_bytes, uint32_t user_timeout_ms) {
  options_.notsent_lowat_bytes = notsent_lowat_bytes;
  options_.user_timeout_ms = user_timeout_ms;
  if (!options_.endpoint.is_unix()) SetInheritedOptions(fd_, options_);
}

void ListenerImpl::AcceptSome() {
  for (uint32_t i = 0; i < options_.accepts_per_turn; ++i) {
    SocketAddress peer;
    peer.size = sizeof peer.storage;
    const int fd = accept4(fd_, peer.get(), &peer.size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      if (errno == EINTR || errno == ECONNABORTED) continue;
      Pause();
      return;
    }
    if (is_exhausted_) {
      is_exhausted_ = false;
      exhausted_(false);
    }
    auto stream = std::make_unique<FdStream>(loop_, fd, ToPeerAddress(peer));
    if (stream->ok()) accepted_(std::move(stream));
  }
}

// EMFILE, ENFILE, ENOBUFS, ENOMEM: the connection stays in the backlog, and level-triggered
// readiness would spin; so look again a little later.
void ListenerImpl::Pause() {
  if (!is_exhausted_) {
    is_exhausted_ = true;
    exhausted_(true);
  }
  watcher_->Watch(0);
  resume_->Start(options_.emfile_pause_ms);
}

}  // namespace sluice::uv
