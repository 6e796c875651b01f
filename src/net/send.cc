#include <cerrno>

#include <sys/socket.h>

#include "sluice/net/stream.h"

namespace sluice::net {

ssize_t SendNow(int fd, const void* data, size_t size) {
  for (;;) {
    const ssize_t n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) return n;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
  }
}

}  // namespace sluice::net
