// Many coarse timeouts on one loop timer: arming and cancelling are O(1) and allocate nothing. A
// timeout fires at its time or up to kTickMs later, never before. The loop timer runs only up to
// the next slot that holds anything, so an idle wheel lets the loop sleep. Loop-thread only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "sluice/event/loop.h"

namespace sluice::event {

class TimerWheel {
 public:
  static constexpr uint64_t kTickMs = 100;

  class Node;
  // Gets the timeouts of its nodes. It may arm, cancel and destroy any node, its own too.
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void OnTimeout(Node& node) = 0;
  };

  // One timeout, a member of its owner. Its destructor cancels it.
  class Node {
   public:
    explicit Node(Handler& handler) : handler_(handler) {}
    ~Node() { Cancel(); }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    [[nodiscard]] bool armed() const { return wheel_ != nullptr; }
    void Cancel();

   private:
    friend class TimerWheel;
    Handler& handler_;
    TimerWheel* wheel_ = nullptr;
    Node* next_ = nullptr;
    Node** link_ = nullptr;  // what points at this node
    uint64_t tick_ = 0;      // when it fires
  };

  // `loop` must outlive the wheel. Nodes that outlive the wheel are left unarmed.
  explicit TimerWheel(Loop& loop);
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Fires once, `delay_ms` from now; replaces what was armed.
  void Arm(Node& node, uint64_t delay_ms) { ArmAt(node, loop_.NowMs() + delay_ms); }
  // Fires at `at_ms` (Loop::NowMs), or at the earlier time for which it is armed: for deadlines
  // that are put off again and again, of which the handler knows when they really are.
  void ArmBy(Node& node, uint64_t at_ms) {
    if (node.armed() && node.tick_ * kTickMs < at_ms + kTickMs) return;
    ArmAt(node, at_ms);
  }
  [[nodiscard]] uint64_t armed_count() const { return armed_; }

 private:
  static constexpr uint64_t kSlots = 1024;  // later timeouts wait in their slot for their round

  // The last tick that has begun.
  [[nodiscard]] uint64_t NowTick() const { return loop_.NowMs() / kTickMs; }
  void ArmAt(Node& node, uint64_t at_ms);
  static void Link(Node& node, Node*& head);
  void WakeAt(uint64_t tick);
  void Turn();
  void Schedule();

  Loop& loop_;
  std::unique_ptr<Timer> timer_;
  std::array<Node*, kSlots> slots_{};
  uint64_t armed_ = 0;
  uint64_t done_tick_;      // slots up to this tick have been looked at
  uint64_t wake_tick_ = 0;  // when timer_ fires; 0: it does not run
};

}  // namespace sluice::event
