#include "proxy/spent_answers.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/call_impl.h"
#include "sluice/proxy/upstream.h"

namespace sluice::proxy {

class SpentAnswers::Answer final : private CallHandler, private event::TimerWheel::Handler {
 public:
  Answer(SpentAnswers& owner, std::unique_ptr<CallImpl> call)
      : owner_(owner), call_(std::move(call)) {
    call_->Spend(*this);
    owner_.timers_.Arm(deadline_, Upstream::kReadOutMs);
  }

 private:
  void OnHead(const http::ResponseHead& /*head*/) override {}
  void OnBody(std::string_view bytes) override {
    if (bytes.size() > left_) {
      owner_.Remove(*this);
    } else {
      left_ -= bytes.size();
    }
  }
  void OnEnd(std::string_view /*trailers*/) override { owner_.Remove(*this); }
  void OnUpgraded(const http::ResponseHead& /*head*/, std::unique_ptr<net::Stream> /*stream*/,
                  std::string /*bytes*/) override {}
  void OnFailed(const CallFailure& /*failure*/) override { owner_.Remove(*this); }
  void OnTimeout(event::TimerWheel::Node& /*node*/) override { owner_.Remove(*this); }

  SpentAnswers& owner_;
  std::unique_ptr<CallImpl> call_;
  event::TimerWheel::Node deadline_{*this};
  uint64_t left_ = Upstream::kReadOutBytes;
};

SpentAnswers::SpentAnswers(event::TimerWheel& timers, size_t limit)
    : timers_(timers), limit_(limit) {}

SpentAnswers::~SpentAnswers() = default;

void SpentAnswers::Add(std::unique_ptr<CallImpl> call) {
  if (answers_.size() >= limit_ || !call->CanBeReadOut(Upstream::kReadOutBytes)) return;
  answers_.push_back(std::make_unique<Answer>(*this, std::move(call)));
}

void SpentAnswers::Close() {
  limit_ = 0;
  // The end of one may give its place to others.
  const auto answers = std::exchange(answers_, {});
}

void SpentAnswers::Remove(const Answer& answer) {
  const auto at = std::find_if(answers_.begin(), answers_.end(),
                               [&](const auto& each) { return each.get() == &answer; });
  std::swap(*at, answers_.back());
  const std::unique_ptr<Answer> removed = std::move(answers_.back());
  answers_.pop_back();
}

}  // namespace sluice::proxy
