// A connected byte stream: TCP or unix socket (src/uv), a fake (tests/support/fake_stream.h), TLS
// later. Loop-thread only. Writing is by readiness: TryWrite takes what the kernel takes now; for
// the rest the owner keeps its place and asks for OnWritable. So a stream queues nothing, and what
// a slow peer costs is decided by its owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include <sys/uio.h>

#include "sluice/base/place_table.h"
#include "sluice/net/address.h"

namespace sluice::net {

// The most that one read takes.
inline constexpr size_t kReadBytes = size_t{64} * 1024;

// Callbacks of a Stream. The handler may destroy the stream in any of them.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // Bytes arrived. They lie in a buffer of the loop: valid until the call returns.
  virtual void OnData(std::string_view bytes) = 0;
  // The peer sent FIN: nothing more will arrive, though it may still read. At most once.
  virtual void OnEnd() = 0;
  // The same, while reading is paused for kPipelined alone: what arrived before it was not read
  // yet, and OnEnd comes after that. At most once a pause.
  virtual void OnEndWaits() {}
  // The kernel takes bytes again. Comes only after WantWritable(true), and on each turn until
  // WantWritable(false).
  virtual void OnWritable() = 0;
  // The connection is dead. `error` is an errno (ECONNRESET, ETIMEDOUT, ...). Exactly once at most,
  // and the last callback.
  virtual void OnClosed(int error) = 0;
};

// Why reading is paused; it goes on when no reason is left.
enum class PauseReason : uint8_t {
  // A request is being answered. OnEndWaits comes all the same, and OnClosed unless
  // that did.
  kPipelined = 1,
  // Whoever takes the bytes is slower, and wants them even of a peer that has left meanwhile: that
  // is told when they were read, unless WantWritable finds it out.
  kBackpressure = 2,
};

class Stream {
 public:
  virtual ~Stream() = default;  // closes; no callback comes after

  // A place that the connection takes up: given back when the stream is destroyed.
  void Hold(Place place) { place_ = std::move(place); }

  // From then on callbacks go to `handler`, which must outlive the stream or be replaced.
  virtual void SetHandler(StreamHandler* handler) = 0;

  // Writes what the kernel takes. >= 0: bytes taken (0: none now); < 0: a negated errno, the
  // stream is dead (OnClosed does not come for it).
  [[nodiscard]] virtual ssize_t TryWrite(std::span<const iovec> parts) = 0;
  virtual void WantWritable(bool on) = 0;

  virtual void PauseReading(PauseReason reason) = 0;
  virtual void ResumeReading(PauseReason reason) = 0;
  // From then on one read takes at most so many bytes, 1 to kReadBytes: what whoever takes them has
  // room for. With TLS they are of the connection's own, and what they complete may be a record
  // (16 KiB) more.
  virtual void LimitReads(size_t bytes) = 0;

  // Sends FIN after what was written. The peer may still send.
  virtual void ShutdownWrite() = 0;
  // Closing it sends RST: the peer sees that what it got is not all, where FIN would say it is.
  virtual void ResetOnClose() = 0;

  // A descriptor on which plain send() is right, or -1. Fan-out keeps it in a dense array, so that
  // a delivery to a caught-up subscriber touches no other memory of ours.
  [[nodiscard]] virtual int plain_fd() const = 0;
  [[nodiscard]] virtual const PeerAddress& peer() const = 0;

 private:
  Place place_;
};

// send(2) without waiting and without SIGPIPE: bytes taken, 0 for none now, or a negated errno.
[[nodiscard]] ssize_t SendNow(int fd, const void* data, size_t size);

}  // namespace sluice::net
