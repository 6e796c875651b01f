#include "server/answer_pieces.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::server {
namespace {

std::string Text(std::span<const iovec> parts) {
  std::string text;
  for (const iovec& part : parts) {
    text.append(static_cast<const char*>(part.iov_base), part.iov_len);
  }
  return text;
}

TEST(AnswerPiecesTest, WhatIsFlushedTogetherIsOneChunk) {
  AnswerPieces pieces(true);
  pieces.Add("hello, ");
  pieces.Add("world");
  EXPECT_FALSE(pieces.empty());
  EXPECT_EQ(Text(pieces.Take()), "c\r\nhello, world\r\n");
  EXPECT_TRUE(pieces.empty());
  pieces.Add("again");
  EXPECT_EQ(Text(pieces.Take()), "5\r\nagain\r\n");
}

TEST(AnswerPiecesTest, SizeIsHexadecimal) {
  for (const size_t size : {size_t{1}, size_t{15}, size_t{16}, size_t{255}, size_t{1} << 20}) {
    AnswerPieces pieces(true);
    const std::string body(size, 'a');
    pieces.Add(body);
    const std::string chunk = Text(pieces.Take());
    EXPECT_EQ(std::stoull(chunk, nullptr, 16), size);
    EXPECT_TRUE(chunk.ends_with("a\r\n"));
  }
}

// An empty chunk would be the end of the body.
TEST(AnswerPiecesTest, NothingIsNoChunk) {
  AnswerPieces pieces(true);
  pieces.Add("");
  EXPECT_TRUE(pieces.empty());
  EXPECT_TRUE(pieces.Take().empty());
  pieces.Add("");
  pieces.Add("a");
  pieces.Add("");
  EXPECT_EQ(Text(pieces.Take()), "1\r\na\r\n");
}

TEST(AnswerPiecesTest, EndGoesWithTheLastPieces) {
  AnswerPieces pieces(true);
  pieces.Add("last");
  EXPECT_EQ(Text(pieces.TakeLast({})), "4\r\nlast\r\n0\r\n\r\n");
  AnswerPieces none(true);
  EXPECT_EQ(Text(none.TakeLast({})), "0\r\n\r\n");
}

TEST(AnswerPiecesTest, TrailersStandBehindTheLastChunk) {
  AnswerPieces pieces(true);
  pieces.Add("a");
  EXPECT_EQ(Text(pieces.TakeLast("Digest: x\r\nTook: 3\r\n")),
            "1\r\na\r\n0\r\nDigest: x\r\nTook: 3\r\n\r\n");
  AnswerPieces none(true);
  EXPECT_EQ(Text(none.TakeLast("Took: 3\r\n")), "0\r\nTook: 3\r\n\r\n");
}

TEST(AnswerPiecesTest, WithoutChunksBytesAreAsTheyAre) {
  AnswerPieces pieces(false);
  pieces.Add("hello, ");
  pieces.Add("world");
  EXPECT_EQ(Text(pieces.Take()), "hello, world");
  EXPECT_TRUE(pieces.Take().empty());
  pieces.Add("end");
  EXPECT_EQ(Text(pieces.TakeLast("Took: 3\r\n")), "end") << "there is no place for trailers";
  EXPECT_TRUE(Text(pieces.TakeLast({})).empty());
}

TEST(AnswerPiecesTest, FullOfPiecesAndTrailersItStillFitsOneWrite) {
  AnswerPieces pieces(true);
  std::string expected;
  while (!pieces.full()) {
    pieces.Add("ab");
    expected += "ab";
  }
  const std::span<const iovec> parts = pieces.TakeLast("Took: 3\r\n");
  EXPECT_LE(parts.size(), 12U) << "Outgoing::kMaxParts";
  EXPECT_EQ(Text(parts), "10\r\n" + expected + "\r\n0\r\nTook: 3\r\n\r\n");
}

}  // namespace
}  // namespace sluice::server
