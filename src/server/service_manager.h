// Tells the service manager how the gateway is doing, by the protocol of sd_notify(3): datagrams of
// NAME=VALUE lines to the unix socket that $NOTIFY_SOCKET names. Main thread only.
//
// Why not libsystemd: the protocol is one datagram, documented and promised to stay, and the
// library would load liblzma, zstd, lz4 and libgcrypt into a process that faces the internet and
// need systemd where the gateway runs without it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/base/result.h"

namespace sluice::server {

// What the service manager asks for. Empty and 0 where there is none.
struct ServiceEnvironment {
  std::string notify_socket;  // a path, or "@name" in the abstract namespace
  uint64_t watchdog_ms = 0;   // how often it must hear WATCHDOG=1
};

// From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. A watchdog that is malformed or meant for
// another process is none.
[[nodiscard]] ServiceEnvironment ReadServiceEnvironment();

class ServiceManager {
 public:
  explicit ServiceManager(ServiceEnvironment environment);
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  // These do nothing without a manager. What cannot be delivered within a second is dropped; the
  // first time a warning is logged. `status` is shown by `systemctl status`.
  void Ready(std::string_view status);
  void Reloading();  // Ready ends it
  void Stopping(std::string_view status);
  void Alive();

  // 0: no watchdog is wanted.
  [[nodiscard]] uint64_t watchdog_ms() const { return environment_.watchdog_ms; }

 private:
  void Notify(std::string_view state);
  [[nodiscard]] Result<> Open();
  [[nodiscard]] Result<> Send(std::string_view state) const;

  ServiceEnvironment environment_;
  int fd_ = -1;  // kept open, so that a process out of descriptors can still speak
  bool warned_ = false;
};

}  // namespace sluice::server
