// One request and its answer: what a session has only from a request's first byte to its answer's
// last. Between two requests it has none, which is why an idle connection costs so little. What
// has served its turn is kept, with its memory, for the next request of any session. Worker-thread
// only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/answer_pieces.h"
#include "server/outgoing.h"
#include "sluice/http/request_parser.h"
#include "sluice/http/response.h"
#include "sluice/server/exchange.h"

namespace sluice::server {

class TransactionStock;

struct Transaction {
  explicit Transaction(const http::RequestLimits& limits) : parser(limits) {}

  // What internal redirects have made of the request. Few requests have any.
  struct Redirected {
    std::optional<http::Request> request;
    Exchange::Fields fields;
    std::optional<uint64_t> limit_rate;
    int count = 0;
  };

  // As a new one, but for memory of an ordinary size. REQUIRES: no handler.
  void Clear();

  std::shared_ptr<const void> kept;  // outlives those who answer
  http::RequestParser parser;
  std::unique_ptr<RequestHandler> handler;
  Outgoing outgoing;
  std::optional<http::Response> answer;  // given by the handler, not yet on its way
  std::optional<AnswerPieces> pieces;    // while an answer in pieces is being given
  Exchange::Next next;                   // goes on with the request, in place of the handler
  std::unique_ptr<Redirected> redirected;
  std::optional<UpstreamRecord> upstream;  // the last that was asked
  std::string refusal;                     // why the session itself answered
  std::string_view route;
  const std::vector<config::ErrorPage>* error_pages = nullptr;  // the route's, kept
  std::string subject;
  uint64_t started_ns = 0;
  uint64_t bytes_sent = 0;  // of the answer
  uint64_t head_bytes = 0;  // of the answer, sent or not
  int status = 0;           // of the answer that is being sent
  bool dispatched = false;  // the head was good
  bool body_wanted = false;
  bool body_ended = false;  // OnBodyEnd was called
  bool body_paused = false;
  bool tunnel = false;
  bool cut = false;            // the rest of the answer will not come
  bool until_close = false;    // its end is the connection's
  bool continue_owed = false;  // the client waits for 100 before it sends the body
  bool keep = false;           // the answer said so

 private:
  friend class TransactionStock;
  std::shared_ptr<TransactionStock> stock_;  // where it goes back to; null while it is there
};

// Those that no session has, at most kMost. It lives as long as anything taken from it.
class TransactionStock : public std::enable_shared_from_this<TransactionStock> {
 public:
  static constexpr size_t kMost = 128;

  // `limits` must outlive the reading of requests.
  explicit TransactionStock(const http::RequestLimits& limits) : limits_(limits) {}

  // Ready for the first byte of a request.
  [[nodiscard]] std::unique_ptr<Transaction> Take();
  // REQUIRES: nothing of it is on the stack, and no handler has it.
  static void GiveBack(std::unique_ptr<Transaction> transaction);
  [[nodiscard]] size_t size() const { return spare_.size(); }

 private:
  const http::RequestLimits& limits_;
  std::vector<std::unique_ptr<Transaction>> spare_;
};

}  // namespace sluice::server
