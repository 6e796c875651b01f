#include "sluice/http/query.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

std::string Pairs(std::string_view raw) {
  std::string out;
  QueryReader reader(raw);
  while (reader.Next()) out += "[" + reader.name() + "|" + reader.value() + "]";
  return out;
}

TEST(QueryTest, WalksPairsInOrder) {
  EXPECT_EQ(Pairs("a=1&b=2&a=3"), "[a|1][b|2][a|3]");
  EXPECT_EQ(Pairs(""), "");
  EXPECT_EQ(Pairs("&&a=1&&"), "[a|1]");
  EXPECT_EQ(Pairs("a&b=&=c&d=e=f"), "[a|][b|][|c][d|e=f]");
}

TEST(QueryTest, DecodesOnceAndPlusIsASpace) {
  EXPECT_EQ(Pairs("a%3Db=c%26d+e"), "[a=b|c&d e]");
  EXPECT_EQ(DecodeQuery("%2541%2B"), "%41+");
  EXPECT_EQ(DecodeQuery("a%00b"), std::string("a\0b", 3));
}

TEST(QueryTest, BrokenEscapeStandsForItself) {
  EXPECT_EQ(DecodeQuery("100%"), "100%");
  EXPECT_EQ(DecodeQuery("%4"), "%4");
  EXPECT_EQ(DecodeQuery("%zz%41"), "%zzA");
}

TEST(QueryTest, FindsTheFirstOfAName) {
  EXPECT_EQ(FindQuery("x=1&lastEventId=k.7&lastEventId=no", "lastEventId"), "k.7");
  EXPECT_EQ(FindQuery("x=1&y", "y"), "");
  EXPECT_EQ(FindQuery("x=1", "X"), std::nullopt);
}

TEST(QueryTest, WhatIsEncodedIsDecoded) {
  EXPECT_EQ(EncodeQuery("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(EncodeQuery("a b&c=d+/?#%\xC3\xA4"), "a%20b%26c%3Dd%2B%2F%3F%23%25%C3%A4");
  std::string every;
  for (int byte = 0; byte < 256; ++byte) every += static_cast<char>(byte);
  EXPECT_EQ(DecodeQuery(EncodeQuery(every)), every);
}

}  // namespace
}  // namespace sluice::http
