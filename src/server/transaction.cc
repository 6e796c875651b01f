#include "server/transaction.h"

#include <cassert>
#include <utility>

#include "sluice/base/memory.h"

namespace sluice::server {

void Transaction::Clear() {
  assert(handler == nullptr);
  parser.Next();
  outgoing.Clear();
  answer.reset();
  pieces.reset();
  next = nullptr;
  redirected.reset();
  upstream.reset();
  Release(refusal);
  kept.reset();
  route = {};
  error_pages = nullptr;
  Release(subject);
  started_ns = bytes_sent = head_bytes = 0;
  status = 0;
  dispatched = body_wanted = body_ended = body_paused = false;
  tunnel = cut = until_close = continue_owed = keep = false;
}

std::unique_ptr<Transaction> TransactionStock::Take() {
  std::unique_ptr<Transaction> transaction;
  if (spare_.empty()) {
    transaction = std::make_unique<Transaction>(limits_);
  } else {
    transaction = std::move(spare_.back());
    spare_.pop_back();
  }
  transaction->stock_ = shared_from_this();
  return transaction;
}

void TransactionStock::GiveBack(std::unique_ptr<Transaction> transaction) {
  const std::shared_ptr<TransactionStock> stock = std::move(transaction->stock_);
  if (stock->spare_.size() >= kMost) return;
  transaction->Clear();
  stock->spare_.push_back(std::move(transaction));
}

}  // namespace sluice::server
