// One handshake of a client, from the connected stream to the TLS stream. Loop-thread only.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "sluice/event/loop.h"
#include "sluice/net/connector.h"
#include "tls/record_layer.h"

namespace sluice::tls {

class ClientHandshake final : public net::Connecting, private net::StreamHandler {
 public:
  // A `fault` that is not empty is why it fails, without a byte sent.
  ClientHandshake(event::Loop& loop, std::unique_ptr<RecordLayer> records, std::string fault,
                  net::ConnectCallback done);

 private:
  void OnData(std::string_view bytes) override;
  void OnEnd() override;
  void OnWritable() override;
  void OnClosed(int error) override;

  // Each may end in the callback, which usually destroys this object: nothing comes after it.
  void GoOn();
  void Fail(Errc code, std::string_view what);
  void Done(Result<std::unique_ptr<net::Stream>> result);

  event::Loop& loop_;
  std::unique_ptr<RecordLayer> records_;
  net::ConnectCallback done_;
  std::unique_ptr<event::Timer> start_;
};

}  // namespace sluice::tls
