#include "uv/lookup.h"

#include <utility>

namespace sluice::uv {

Lookup::Lookup(LoopImpl& loop, const std::string& host, uint16_t port, Done done)
    : done_(std::move(done)),
      answered_(loop.MakeWaker([this] {
        // A copy: the callback usually destroys this object.
        const Done told = std::move(done_);
        told(question_->TakeAnswer());
      })),
      question_(std::make_shared<Question>(host, port, *answered_)) {
  ResolverThreads::Get().Add(question_);
}

Lookup::~Lookup() {
  question_->Abandon();
  ResolverThreads::Get().Remove(question_);
}

}  // namespace sluice::uv
