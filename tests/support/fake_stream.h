// A scripted net::Stream. The code under test owns the FakeStream; the test holds its FakePeer,
// which plays the kernel and the other end, sees all that happened, and outlives the stream.
// Callbacks come at once, from inside the peer's methods. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "sluice/net/stream.h"

namespace sluice::testing {

class FakePeer {
 public:
  static constexpr size_t kUnlimited = std::numeric_limits<size_t>::max();

  // How many more bytes TryWrite takes before it returns 0. Unlimited at first.
  void SetBudget(size_t bytes) { budget_ = bytes; }
  // Sets the budget and calls OnWritable while it is wanted, the budget lasts and bytes are
  // written.
  void MakeWritable(size_t budget = kUnlimited);
  // From now on TryWrite returns -error. No OnClosed comes for it, as the contract has it.
  void FailWrites(int error) { write_error_ = error; }

  // Bytes arrive, in pieces of what one read takes. While reading is paused, or there is no
  // handler, they wait for Pump.
  void Deliver(std::string_view bytes);
  // FIN arrives, behind the bytes that wait; OnEndWaits comes if they have to.
  void DeliverEnd();
  // Hands over what waits, if reading is not paused.
  void Pump();
  // The connection dies: OnClosed(error). Nothing happens later.
  void Kill(int error);

  // All bytes that TryWrite took.
  [[nodiscard]] const std::string& written() const { return written_; }
  // The same, forgetting them.
  [[nodiscard]] std::string TakeWritten();
  // Calls of TryWrite that took at least one byte, and all of them.
  [[nodiscard]] size_t writes() const { return writes_; }
  [[nodiscard]] size_t write_calls() const { return write_calls_; }
  [[nodiscard]] bool wants_writable() const { return wants_writable_; }
  [[nodiscard]] bool paused(net::PauseReason reason) const {
    return (pause_reasons_ & static_cast<uint8_t>(reason)) != 0;
  }
  [[nodiscard]] bool paused() const { return pause_reasons_ != 0; }
  [[nodiscard]] size_t read_limit() const { return read_limit_; }
  [[nodiscard]] bool shut_down() const { return shut_down_; }
  [[nodiscard]] bool resets_on_close() const { return resets_on_close_; }
  // The stream was destroyed, which closes the connection.
  [[nodiscard]] bool destroyed() const { return destroyed_; }

 private:
  friend class FakeStream;
  [[nodiscard]] bool live() const { return !destroyed_ && !killed_; }

  net::StreamHandler* handler_ = nullptr;
  std::string written_;
  std::string inbound_;
  size_t budget_ = kUnlimited;
  size_t read_limit_ = net::kReadBytes;
  size_t writes_ = 0;
  size_t write_calls_ = 0;
  int write_error_ = 0;
  uint8_t pause_reasons_ = 0;
  bool end_waits_ = false;
  bool end_told_ = false;  // by OnEndWaits, in this pause
  bool ended_ = false;
  bool wants_writable_ = false;
  bool shut_down_ = false;
  bool resets_on_close_ = false;
  bool killed_ = false;
  bool destroyed_ = false;
};

class FakeStream : public net::Stream {
 public:
  // The peer's address: 192.0.2.1:4711 unless given.
  FakeStream();
  explicit FakeStream(const net::PeerAddress& address);
  ~FakeStream() override;
  FakeStream(const FakeStream&) = delete;
  FakeStream& operator=(const FakeStream&) = delete;

  [[nodiscard]] const std::shared_ptr<FakePeer>& other_end() const { return peer_; }

  void SetHandler(net::StreamHandler* handler) override;
  [[nodiscard]] ssize_t TryWrite(std::span<const iovec> parts) override;
  void WantWritable(bool on) override;
  void PauseReading(net::PauseReason reason) override;
  void ResumeReading(net::PauseReason reason) override;
  void LimitReads(size_t bytes) override { peer_->read_limit_ = bytes; }
  void ShutdownWrite() override;
  void ResetOnClose() override { peer_->resets_on_close_ = true; }
  [[nodiscard]] int plain_fd() const override { return -1; }
  [[nodiscard]] const net::PeerAddress& peer() const override { return address_; }

 private:
  net::PeerAddress address_;
  std::shared_ptr<FakePeer> peer_;
};

}  // namespace sluice::testing
