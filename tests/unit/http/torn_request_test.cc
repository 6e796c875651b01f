// A request must be read the same however it was torn: each is fed at every pair of byte splits.
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "unit/http/parse_outcome.h"

namespace sluice::http {
namespace {

using TornRequestTest = ::testing::TestWithParam<std::string_view>;

// `refused`: it must be malformed, else it must be taken.
void FeedAtEveryPairOfSplits(std::string_view bytes, bool refused) {
  RequestLimits limits;
  limits.head_bytes = 300;
  limits.target_bytes = 60;
  limits.headers = 8;
  limits.body_bytes = 20;
  const Outcome whole = Parse(bytes, limits);
  ASSERT_EQ(whole.status != 0, refused) << whole.detail;
  std::vector<std::string_view> single;
  for (size_t i = 0; i < bytes.size(); ++i) single.push_back(bytes.substr(i, 1));
  EXPECT_EQ(ParsePieces(single, limits), whole);
  for (size_t i = 0; i <= bytes.size(); ++i) {
    for (size_t j = i; j <= bytes.size(); ++j) {
      const Outcome torn =
          ParsePieces({bytes.substr(0, i), bytes.substr(i, j - i), bytes.substr(j)}, limits);
      ASSERT_EQ(torn, whole) << "split at " << i << " and " << j << ": " << torn.status << " "
                             << torn.detail << "\n"
                             << torn.text;
    }
  }
}

class ValidRequestTest : public TornRequestTest {};
class MalformedRequestTest : public TornRequestTest {};

TEST_P(ValidRequestTest, IsReadTheSameHoweverTorn) {
  FeedAtEveryPairOfSplits(GetParam(), false);
}

TEST_P(MalformedRequestTest, IsRefusedTheSameHoweverTorn) {
  FeedAtEveryPairOfSplits(GetParam(), true);
}

INSTANTIATE_TEST_SUITE_P(
    Requests, ValidRequestTest,
    ::testing::Values(
        "GET /events/%6eews/../x?a=b HTTP/1.1\r\nHost: h:80\r\nConnection:\r\nX: y z \r\n\r\n",
        "\r\nHEAD http://h/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: "
        "h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhelloGET / "
        "HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3;a=b\r\nabc\r\n00a\r\n0123456789\r\n0\r\nT: u\r\nHost: x\r\n\r\n"
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: close, upgrade\r\nUpgrade: h2c\r\n\r\n"
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n"));

INSTANTIATE_TEST_SUITE_P(
    Requests, MalformedRequestTest,
    ::testing::Values(
        "FOO / HTTP/1.1\r\nHost: h\r\n\r\n", "GETX / HTTP/1.1\r\n\r\n", "G / HTTP/1.1\r\n\r\n",
        "\x16\x03\x01\x02garbage\r\n", "GET /x\r\n\r\n", "GET / HTTP/2.0\r\nHost: h\r\n\r\n",
        "GET / HTTP/3.7\r\n\r\n", "GET / HTTP/1.x\r\n\r\n", "GET / HTPP/1.1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
        "DESCRIBE / HTTP/1.1\r\n\r\n", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1 \r\n\r\n", "GET / HTTP/1.1\nHost: h\n\n",
        "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /0123456789012345678901234567890123456789012345678901234567890 HTTP/1.1\r\n\r\n",
        "GET /01234567890123456789012345678901234567890123456789012345678\rX",
        "GET / HTTP/1.1\r\nHost: h\r\n Content-Length: 3\r\n\r\nabc",
        "GET / HTTP/1.1\r\nHost: h\r\nX:\r\n\ty\r\n\r\n", "GET / HTTP/1.1\r\n: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nHost: h\r\nExpect: x\r\nContent-Length: 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: h\r\nExpect: x\r\nContent-Length:  \r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 21\r\n\r\n012345678901234567890",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "a\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n"));

}  // namespace
}  // namespace sluice::http
