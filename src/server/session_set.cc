#include "sluice/server/session_set.h"

#include <utility>

#include "server/session.h"
#include "server/transaction.h"

namespace sluice::server {

SessionSet::SessionSet(SessionEnvironment environment, uint64_t first_id)
    : environment_(environment),
      transactions_(std::make_shared<TransactionStock>(environment.settings.limits)),
      next_id_(first_id) {}

SessionSet::~SessionSet() {
  CloseAll();
}

void SessionSet::Add(std::unique_ptr<net::Stream> stream, bool over_limit) {
  sessions_.push_back(
      std::make_unique<Session>(*this, std::move(stream), next_id_++, draining_, over_limit));
  sessions_.back()->index_ = sessions_.size() - 1;
}

void SessionSet::Remove(Session& session) {
  const size_t index = session.index_;
  std::swap(sessions_[index], sessions_.back());
  sessions_[index]->index_ = index;
  environment_.loop.DeferDelete(std::move(sessions_.back()));
  sessions_.pop_back();
}

void SessionSet::Drain() {
  draining_ = true;
  // From the end: the place of a session that leaves is taken by one that was visited.
  for (size_t i = sessions_.size(); i-- > 0;) sessions_[i]->Drain();
}

void SessionSet::CloseAll() {
  while (!sessions_.empty()) sessions_.back()->Abort();
}

}  // namespace sluice::server
