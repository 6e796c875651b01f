#include "sluice/proxy/call.h"

namespace sluice::proxy {

int CallFailure::status() const {
  switch (kind) {
    case Kind::kNoServer:
    case Kind::kQueueFull:
    case Kind::kQueueTime:
      return 503;
    case Kind::kConnectTime:
    case Kind::kReadTime:
    case Kind::kSendTime:
      return 504;
    case Kind::kConnect:
    case Kind::kSend:
    case Kind::kClosed:
    case Kind::kProtocol:
    case Kind::kHeadLimit:
      break;
  }
  return 502;
}

std::string_view ToName(CallFailure::Kind kind) {
  switch (kind) {
    case CallFailure::Kind::kNoServer:
      return "no_server";
    case CallFailure::Kind::kQueueFull:
      return "queue_full";
    case CallFailure::Kind::kQueueTime:
      return "queue_timeout";
    case CallFailure::Kind::kConnect:
      return "connect";
    case CallFailure::Kind::kConnectTime:
      return "connect_timeout";
    case CallFailure::Kind::kSend:
      return "send";
    case CallFailure::Kind::kClosed:
      return "closed";
    case CallFailure::Kind::kReadTime:
      return "read_timeout";
    case CallFailure::Kind::kSendTime:
      return "send_timeout";
    case CallFailure::Kind::kProtocol:
      return "protocol";
    case CallFailure::Kind::kHeadLimit:
      return "head_limit";
  }
  return "unknown";
}

}  // namespace sluice::proxy
