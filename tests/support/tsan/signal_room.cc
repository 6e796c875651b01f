// TSan makes room for what a thread's signals carry in that thread's first call that blocks, and a
// signal that comes just then is lost, which would be a SIGTERM right after the gateway said that
// it is ready. This makes the room before there is anybody to signal. Linked where TSan is.
#include <poll.h>

namespace {

[[gnu::constructor]] void MakeRoomForSignals() {
  poll(nullptr, 0, 0);
}

}  // namespace
