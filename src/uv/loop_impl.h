// event::Loop over a uv_loop_t. See event/loop.h for the contract.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include <uv.h>

#include "sluice/event/loop.h"
#include "sluice/net/stream.h"
#include "uv/uv_box.h"

namespace sluice::uv {

class LoopImpl : public event::Loop {
 public:
  LoopImpl();
  ~LoopImpl() override;

  [[nodiscard]] uint64_t NowMs() const override { return uv_now(&loop_); }
  [[nodiscard]] uint64_t NowNs() const override;
  [[nodiscard]] uint64_t TurnNs() const override {
    if (turn_ns_ == 0) turn_ns_ = NowNs();
    return turn_ns_;
  }
  void UpdateNow() override {
    uv_update_time(&loop_);
    turn_ns_ = 0;
  }
  [[nodiscard]] std::unique_ptr<event::Timer> MakeTimer(std::function<void()> fire) override;
  [[nodiscard]] std::unique_ptr<event::Waker> MakeWaker(std::function<void()> woken) override;
  [[nodiscard]] std::unique_ptr<event::Idle> MakeIdle(std::function<void()> turn) override;
  [[nodiscard]] std::unique_ptr<event::FdWatcher> MakeFdWatcher(
      int fd, std::function<void(uint8_t)> ready) override;
  [[nodiscard]] std::unique_ptr<event::Deferred> OnSignal(int number,
                                                          std::function<void()> arrived) override;
  void DeferDelete(std::unique_ptr<event::Deferred> object) override;
  void Run() override;
  void Stop() override { uv_stop(&loop_); }

  [[nodiscard]] uv_loop_t* raw() { return &loop_; }
  // One buffer for all reads of this loop: an idle connection holds none.
  [[nodiscard]] std::array<char, net::kReadBytes>& read_buffer() { return read_buffer_; }
  [[nodiscard]] static LoopImpl& Of(uv_loop_t* loop) { return *static_cast<LoopImpl*>(loop->data); }

 private:
  void DeleteDeferred();

  uv_loop_t loop_{};
  mutable uint64_t turn_ns_ = 0;  // 0: not read yet
  // Runs before the loop sleeps, when no callback is on the stack.
  std::optional<UvBox<uv_prepare_t>> end_of_turn_;
  // Keeps Run from returning before Stop when nothing else is active.
  std::optional<UvBox<uv_async_t>> keep_alive_;
  std::vector<std::unique_ptr<event::Deferred>> deferred_;
  std::array<char, net::kReadBytes> read_buffer_{};
};

}  // namespace sluice::uv
