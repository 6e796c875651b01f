// Answers of which nobody wants the rest: it is read and thrown away, so that the connection can be
// kept. Where that is too much, or takes too long, the connection is closed. They have no place at
// their server, and how they end counts for nothing. Loop-thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "sluice/event/timer_wheel.h"

namespace sluice::proxy {

class CallImpl;

class SpentAnswers {
 public:
  // At most `limit` at a time. `timers` must outlive it.
  SpentAnswers(event::TimerWheel& timers, size_t limit);
  ~SpentAnswers();
  SpentAnswers(const SpentAnswers&) = delete;
  SpentAnswers& operator=(const SpentAnswers&) = delete;

  // Upstream::ReadOut. The call's handler is not called back any more.
  void Add(std::unique_ptr<CallImpl> call);
  // Closes the connections of all, and of those that come from now on.
  void Close();

 private:
  class Answer;
  void Remove(const Answer& answer);

  event::TimerWheel& timers_;
  size_t limit_;
  std::vector<std::unique_ptr<Answer>> answers_;
};

}  // namespace sluice::proxy
