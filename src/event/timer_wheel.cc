#include "sluice/event/timer_wheel.h"

#include <algorithm>
#include <utility>

namespace sluice::event {

TimerWheel::TimerWheel(Loop& loop)
    : loop_(loop), timer_(loop.MakeTimer([this] { Turn(); })), done_tick_(NowTick()) {}

TimerWheel::~TimerWheel() {
  for (Node* head : slots_) {
    while (head != nullptr) {
      Node* next = head->next_;
      head->wheel_ = nullptr;
      head = next;
    }
  }
}

void TimerWheel::Node::Cancel() {
  if (wheel_ == nullptr) return;
  *link_ = next_;
  if (next_ != nullptr) next_->link_ = link_;
  --wheel_->armed_;
  wheel_ = nullptr;
}

void TimerWheel::ArmAt(Node& node, uint64_t at_ms) {
  node.Cancel();
  // The first tick that begins then, or later.
  node.tick_ = std::max((at_ms + kTickMs - 1) / kTickMs, done_tick_ + 1);
  node.wheel_ = this;
  ++armed_;
  Link(node, slots_[node.tick_ % kSlots]);
  if (wake_tick_ == 0 || node.tick_ < wake_tick_) WakeAt(node.tick_);
}

void TimerWheel::Link(Node& node, Node*& head) {
  node.next_ = head;
  node.link_ = &head;
  if (head != nullptr) head->link_ = &node.next_;
  head = &node;
}

void TimerWheel::WakeAt(uint64_t tick) {
  wake_tick_ = tick;
  const uint64_t now = loop_.NowMs();
  timer_->Start(tick * kTickMs > now ? tick * kTickMs - now : 0);
}

void TimerWheel::Turn() {
  wake_tick_ = 0;
  const uint64_t now = NowTick();
  const uint64_t first = now - std::min(now - done_tick_, kSlots) + 1;
  done_tick_ = now;  // what the handlers arm comes later than this turn
  for (uint64_t tick = first; tick <= now; ++tick) {
    // Taken out first: a handler may change the slot, and any node that waits in this list.
    Node* due = std::exchange(slots_[tick % kSlots], nullptr);
    if (due != nullptr) due->link_ = &due;
    while (due != nullptr) {
      Node& node = *due;
      if (node.tick_ > now) {  // of a later round
        due = node.next_;
        if (due != nullptr) due->link_ = &due;
        Link(node, slots_[tick % kSlots]);
        continue;
      }
      node.Cancel();
      node.handler_.OnTimeout(node);
    }
  }
  Schedule();
}

void TimerWheel::Schedule() {
  if (armed_ == 0) return;
  // The next slot that holds anything, be it of a later round.
  uint64_t tick = done_tick_ + 1;
  while (slots_[tick % kSlots] == nullptr) ++tick;
  WakeAt(tick);
}

}  // namespace sluice::event
