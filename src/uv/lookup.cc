#include "uv/lookup.h"

#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

#include <netdb.h>
#include <netinet/in.h>

#include "sluice/base/freed.h"

namespace sluice::uv {

struct Lookup::Request {
  uv_getaddrinfo_t raw{};
  Lookup* owner = nullptr;  // null once the owner is gone
};

Lookup::Lookup(LoopImpl& loop, const std::string& host, uint16_t port, Done done)
    : host_(host), port_(port), done_(std::move(done)), request_(new Request) {
  request_->owner = this;
  request_->raw.data = request_;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  const int status = uv_getaddrinfo(loop.raw(), &request_->raw, &Lookup::OnResolved, host_.c_str(),
                                    nullptr, &hints);
  if (status == 0) return;
  delete std::exchange(request_, nullptr);
  failed_ = loop.MakeTimer([this, status] { Finish(Failure(status)); });
  failed_->Start(0);
}

Lookup::~Lookup() {
  if (request_ == nullptr) return;
  request_->owner = nullptr;
  uv_cancel(reinterpret_cast<uv_req_t*>(&request_->raw));
}

void Lookup::OnResolved(uv_getaddrinfo_t* raw, int status, addrinfo* found) {
  const std::unique_ptr<Request> request(static_cast<Request*>(raw->data));
  const std::unique_ptr<addrinfo, Freed<uv_freeaddrinfo>> list(found);
  Lookup* self = request->owner;
  if (self == nullptr) return;
  self->request_ = nullptr;
  if (status != 0) {
    self->Finish(self->Failure(status));
    return;
  }
  std::vector<SocketAddress> addresses;
  const uint16_t port = htons(self->port_);
  for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
    size_t port_at = 0;
    if (entry->ai_family == AF_INET) {
      port_at = offsetof(sockaddr_in, sin_port);
    } else if (entry->ai_family == AF_INET6) {
      port_at = offsetof(sockaddr_in6, sin6_port);
    } else {
      continue;
    }
    SocketAddress address;
    memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.size = entry->ai_addrlen;
    memcpy(reinterpret_cast<char*>(&address.storage) + port_at, &port, sizeof port);
    addresses.push_back(address);
  }
  if (addresses.empty()) {
    self->Finish(self->Failure(UV_EAI_NODATA));
  } else {
    self->Finish(std::move(addresses));
  }
}

tl::unexpected<Error> Lookup::Failure(int status) const {
  return Fail(Errc::kNotFound, "cannot resolve " + host_ + ": " + uv_strerror(status));
}

void Lookup::Finish(Result<std::vector<SocketAddress>> result) {
  // A copy: the callback usually destroys this object.
  const Done done = std::move(done_);
  done(std::move(result));
}

}  // namespace sluice::uv
