#include "server/transaction.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::server {
namespace {

class TransactionTest : public ::testing::Test {
 protected:
  static std::string Post(const std::string& fields) {
    return "POST /a HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
  }

  http::RequestLimits limits_;
  std::shared_ptr<TransactionStock> stock_ = std::make_shared<TransactionStock>(limits_);
};

TEST_F(TransactionTest, NothingOfARequestIsLeftToTheNext) {
  auto tx = stock_->Take();
  const Transaction* const first = tx.get();
  const auto kept = std::make_shared<int>(0);
  const std::string post = Post("Content-Length: 2\r\nExpect: 100-continue\r\n");
  ASSERT_EQ(tx->parser.Feed(post, nullptr).event, http::RequestParser::Event::kHead);
  tx->outgoing.AppendHead(std::string_view("HTTP/1.1 100 Continue"));
  tx->answer = {.status = 500, .headers = {}, .body = "of another"};
  tx->pieces.emplace(true);
  tx->next = [](Exchange&) { return std::unique_ptr<RequestHandler>(); };
  tx->redirected = std::make_unique<Transaction::Redirected>();
  tx->upstream.emplace();
  tx->refusal = "too long";
  tx->kept = kept;
  tx->route = "route";
  const std::vector<config::ErrorPage> pages;
  tx->error_pages = &pages;
  tx->subject = "somebody else";
  tx->started_ns = tx->bytes_sent = tx->head_bytes = 1;
  tx->status = 500;
  tx->dispatched = tx->body_wanted = tx->body_ended = tx->body_paused = true;
  tx->tunnel = tx->cut = tx->until_close = tx->continue_owed = tx->keep = true;
  TransactionStock::GiveBack(std::move(tx));
  EXPECT_EQ(kept.use_count(), 1);

  tx = stock_->Take();
  ASSERT_EQ(tx.get(), first);
  EXPECT_FALSE(tx->parser.started());
  EXPECT_FALSE(tx->parser.complete());
  EXPECT_EQ(tx->parser.request().header_count(), 0U);
  EXPECT_EQ(tx->parser.request().path().text(), "/");
  EXPECT_EQ(tx->parser.request().content_length(), 0U);
  EXPECT_FALSE(tx->parser.request().expects_continue());
  EXPECT_TRUE(tx->outgoing.empty());
  EXPECT_FALSE(tx->answer);
  EXPECT_FALSE(tx->pieces);
  EXPECT_EQ(tx->next, nullptr);
  EXPECT_EQ(tx->redirected, nullptr);
  EXPECT_FALSE(tx->upstream);
  EXPECT_EQ(tx->error_pages, nullptr);
  EXPECT_EQ(tx->refusal + tx->subject + std::string(tx->route), "");
  EXPECT_EQ(tx->started_ns + tx->bytes_sent + tx->head_bytes, 0U);
  EXPECT_EQ(tx->status, 0);
  EXPECT_FALSE(tx->dispatched || tx->body_wanted || tx->body_ended || tx->body_paused);
  EXPECT_FALSE(tx->tunnel || tx->cut || tx->until_close || tx->continue_owed || tx->keep);
}

TEST_F(TransactionTest, StockIsBounded) {
  std::vector<std::unique_ptr<Transaction>> taken;
  for (size_t i = 0; i < TransactionStock::kMost + 10; ++i) taken.push_back(stock_->Take());
  for (auto& tx : taken) TransactionStock::GiveBack(std::move(tx));
  EXPECT_EQ(stock_->size(), TransactionStock::kMost);
}

TEST_F(TransactionTest, MemoryOfALargeHeadIsNotKept) {
  auto tx = stock_->Take();
  std::string fields;
  for (int i = 0; i < 90; ++i) fields += "Field: " + std::string(100, 'x') + "\r\n";
  const std::string post = Post(fields);
  ASSERT_EQ(tx->parser.Feed(post, nullptr).event, http::RequestParser::Event::kHead);
  TransactionStock::GiveBack(std::move(tx));
  EXPECT_LE(stock_->Take()->parser.request().fields().bytes().capacity(), 4096U);
}

TEST_F(TransactionTest, TransactionMayOutliveItsStocksOwner) {
  auto tx = stock_->Take();
  stock_.reset();
  TransactionStock::GiveBack(std::move(tx));
}

}  // namespace
}  // namespace sluice::server
