#include "support/fake_stream.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::testing {
namespace {

net::PeerAddress DefaultAddress() {
  net::PeerAddress address;
  address.bytes = {192, 0, 2, 1};
  address.port = 4711;
  address.family = net::PeerAddress::Family::kIpv4;
  return address;
}

}  // namespace

void FakePeer::MakeWritable(size_t budget) {
  budget_ = budget;
  size_t before;
  do {
    if (!live() || !wants_writable_ || handler_ == nullptr || budget_ == 0) return;
    before = written_.size();
    handler_->OnWritable();
  } while (written_.size() > before);
}

void FakePeer::Deliver(std::string_view bytes) {
  if (ended_ || end_waits_) ADD_FAILURE() << "Deliver after DeliverEnd";
  inbound_ += bytes;
  Pump();
}

void FakePeer::DeliverEnd() {
  end_waits_ = true;
  Pump();
}

void FakePeer::Pump() {
  while (live() && handler_ != nullptr && !paused()) {
    if (!inbound_.empty()) {
      // A buffer of its own and of exactly this size, freed after the call: a sanitizer sees a
      // handler that keeps the view or reads past its end.
      const size_t size = std::min(inbound_.size(), read_limit_);
      const std::vector<char> buffer(inbound_.begin(), inbound_.begin() + static_cast<long>(size));
      inbound_.erase(0, size);
      handler_->OnData(std::string_view(buffer.data(), buffer.size()));
    } else if (end_waits_) {
      end_waits_ = false;
      ended_ = true;
      handler_->OnEnd();
    } else {
      return;
    }
  }
  if (!live() || handler_ == nullptr || !end_waits_ || end_told_) return;
  if (pause_reasons_ != static_cast<uint8_t>(net::PauseReason::kPipelined)) return;
  end_told_ = true;
  handler_->OnEndWaits();
}

void FakePeer::Kill(int error) {
  if (!live()) return;
  killed_ = true;
  wants_writable_ = false;
  write_error_ = error;
  if (handler_ != nullptr) handler_->OnClosed(error);
}

std::string FakePeer::TakeWritten() {
  return std::exchange(written_, {});
}

FakeStream::FakeStream() : FakeStream(DefaultAddress()) {}

FakeStream::FakeStream(const net::PeerAddress& address)
    : address_(address), peer_(std::make_shared<FakePeer>()) {}

FakeStream::~FakeStream() {
  peer_->destroyed_ = true;
  peer_->handler_ = nullptr;
  peer_->wants_writable_ = false;
}

void FakeStream::SetHandler(net::StreamHandler* handler) {
  peer_->handler_ = handler;
}

ssize_t FakeStream::TryWrite(std::span<const iovec> parts) {
  FakePeer& peer = *peer_;
  ++peer.write_calls_;
  if (peer.shut_down_) ADD_FAILURE() << "TryWrite after ShutdownWrite";
  if (peer.write_error_ != 0) return -peer.write_error_;
  size_t taken = 0;
  for (const iovec& part : parts) {
    const size_t size = std::min(part.iov_len, peer.budget_);
    peer.written_.append(static_cast<const char*>(part.iov_base), size);
    if (peer.budget_ != FakePeer::kUnlimited) peer.budget_ -= size;
    taken += size;
    if (size < part.iov_len) break;
  }
  if (taken > 0) ++peer.writes_;
  return static_cast<ssize_t>(taken);
}

void FakeStream::WantWritable(bool on) {
  peer_->wants_writable_ = on && !peer_->killed_;
}

void FakeStream::PauseReading(net::PauseReason reason) {
  peer_->pause_reasons_ |= static_cast<uint8_t>(reason);
}

void FakeStream::ResumeReading(net::PauseReason reason) {
  peer_->pause_reasons_ &= static_cast<uint8_t>(~static_cast<uint8_t>(reason));
  if (peer_->pause_reasons_ == 0) peer_->end_told_ = false;
}

void FakeStream::ShutdownWrite() {
  if (peer_->shut_down_) ADD_FAILURE() << "ShutdownWrite twice";
  peer_->shut_down_ = true;
}

}  // namespace sluice::testing
