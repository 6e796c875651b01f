#include "tls/handshake.h"

#include <utility>

#include <fmt/format.h>

#include "tls/tls_stream.h"

namespace sluice::tls {

ClientHandshake::ClientHandshake(event::Loop& loop, std::unique_ptr<RecordLayer> records,
                                 std::string fault, net::ConnectCallback done)
    : loop_(loop),
      records_(std::move(records)),
      done_(std::move(done)),
      start_(loop.MakeTimer([this, fault = std::move(fault)] {
        if (!fault.empty()) {
          Fail(Errc::kInvalid, fault);
          return;
        }
        records_->stream().SetHandler(this);
        GoOn();
      })) {
  start_->Start(0);
}

void ClientHandshake::OnData(std::string_view bytes) {
  records_->Give(bytes);
  GoOn();
}

void ClientHandshake::OnEnd() {
  Fail(Errc::kClosed, "the server closed the connection during the handshake");
}

void ClientHandshake::OnWritable() {
  if (const int error = records_->Flush(); error < 0) {
    OnClosed(-error);
    return;
  }
  if (records_->flushed()) records_->stream().WantWritable(false);
}

void ClientHandshake::OnClosed(int error) {
  Done(FailSystem("TLS: the connection broke during the handshake", error));
}

void ClientHandshake::GoOn() {
  const RecordLayer::Step step = records_->Handshake();
  if (step == RecordLayer::Step::kFailed) {
    Fail(Errc::kUnavailable, records_->HandshakeError());
    return;
  }
  records_->KeepRest();
  if (const int error = records_->Flush(); error < 0) {
    OnClosed(-error);
    return;
  }
  if (step == RecordLayer::Step::kMore) {
    records_->stream().WantWritable(!records_->flushed());
    return;
  }
  records_->stream().WantWritable(false);
  records_->stream().SetHandler(nullptr);
  Done(std::make_unique<TlsStream>(loop_, std::move(records_)));
}

void ClientHandshake::Fail(Errc code, std::string_view what) {
  Done(sluice::Fail(code, fmt::format("TLS: {}", what)));
}

void ClientHandshake::Done(Result<std::unique_ptr<net::Stream>> result) {
  records_.reset();
  const net::ConnectCallback done = std::move(done_);
  done(std::move(result));
}

}  // namespace sluice::tls
