#include "sluice/http/path.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

std::vector<std::string> Segments(std::string_view raw) {
  const Result<Path> path = Path::Parse(raw);
  if (!path) return {"refused: " + path.error().message};
  std::vector<std::string> segments;
  for (size_t i = 0; i < path->segment_count(); ++i) segments.emplace_back(path->segment(i));
  return segments;
}

using Strings = std::vector<std::string>;

TEST(PathTest, RootHasNoSegments) {
  EXPECT_EQ(Segments("/"), Strings{});
  EXPECT_EQ(Path::Parse("/")->text(), "/");
  EXPECT_TRUE(Path::Parse("/")->trailing_slash());
  EXPECT_EQ(Path().text(), "/");
}

TEST(PathTest, SplitsAtSlashes) {
  EXPECT_EQ(Segments("/events/rooms/42"), (Strings{"events", "rooms", "42"}));
  EXPECT_EQ(Path::Parse("/events/rooms/42")->text(), "/events/rooms/42");
}

TEST(PathTest, WhatServersReadInTwoWaysIsRefused) {
  for (const char* raw :
       {"/a\\..\\b", "/a\\b", "/..;/a", "/a/..;x=y/b", "/.;", "/%2e%2e;/a", "/a/%2E%3b"}) {
    EXPECT_FALSE(Path::Parse(raw)) << raw;
  }
  EXPECT_EQ(Segments("/a;b/c%5Cd/...;/.a;"), (Strings{"a;b", "c\\d", "...;", ".a;"}));
}

TEST(PathTest, RemembersTheTrailingSlash) {
  EXPECT_FALSE(Path::Parse("/a")->trailing_slash());
  EXPECT_TRUE(Path::Parse("/a/")->trailing_slash());
  EXPECT_TRUE(Path::Parse("/a/.")->trailing_slash());
  EXPECT_TRUE(Path::Parse("/a/b/..")->trailing_slash());
  EXPECT_EQ(Path::Parse("/a/b/..")->text(), "/a/");
  EXPECT_FALSE(Path::Parse("/a%2F")->trailing_slash());
  EXPECT_TRUE(Path::Parse("/a%2F")->encoded_slash());
  EXPECT_TRUE(Path::Parse("/a%2fb/../c")->encoded_slash());
  EXPECT_FALSE(Path::Parse("/a/b%20c/")->encoded_slash());
  EXPECT_TRUE(Path::Parse("/a/%2e%2E/b")->dot_segments());
  EXPECT_TRUE(Path::Parse("/a/.")->dot_segments());
  EXPECT_FALSE(Path::Parse("/a//b/.c/...")->dot_segments());
}

TEST(PathTest, MergesEmptySegments) {
  EXPECT_EQ(Segments("//a///b"), (Strings{"a", "b"}));
  EXPECT_EQ(Path::Parse("//a///b//")->text(), "/a/b/");
}

TEST(PathTest, DecodesEachSegmentOnce) {
  EXPECT_EQ(Segments("/%61%20b/%C3%A9"), (Strings{"a b", "\xc3\xa9"}));
  EXPECT_EQ(Segments("/%2541"), Strings{"%41"});
  EXPECT_EQ(Segments("/a+b"), Strings{"a+b"});
}

TEST(PathTest, DecodedSlashStaysInItsSegment) {
  EXPECT_EQ(Segments("/a%2Fb/c"), (Strings{"a/b", "c"}));
  EXPECT_EQ(Segments("/a/%2e%2e%2fb"), (Strings{"a", "../b"}));
}

TEST(PathTest, ResolvesDotSegmentsPlainAndEncoded) {
  EXPECT_EQ(Segments("/a/./b"), (Strings{"a", "b"}));
  EXPECT_EQ(Segments("/a/../b"), Strings{"b"});
  EXPECT_EQ(Segments("/a/%2e%2E/b/%2e"), Strings{"b"});
  EXPECT_EQ(Segments("/a//../b"), Strings{"b"});
  EXPECT_EQ(Segments("/a%2Fb/../c"), Strings{"c"});
  EXPECT_EQ(Segments("/..."), Strings{"..."});
}

TEST(PathTest, RefusesToClimbAboveTheRoot) {
  EXPECT_FALSE(Path::Parse("/.."));
  EXPECT_FALSE(Path::Parse("/a/../.."));
  EXPECT_FALSE(Path::Parse("/%2e./x"));
  EXPECT_FALSE(Path::Parse("/a/../../a/b"));
}

TEST(PathTest, RefusesControlBytes) {
  for (const char* raw : {"/a%00b", "/%0d", "/%0A", "/%7f", "/%1f", "/a\tb"}) {
    EXPECT_FALSE(Path::Parse(raw)) << raw;
  }
}

TEST(PathTest, RefusesBrokenEscapes) {
  for (const char* raw : {"/%", "/%4", "/%zz", "/a%4/b", "/%%41"}) {
    EXPECT_FALSE(Path::Parse(raw)) << raw;
  }
  EXPECT_EQ(Path::Parse("/a/b%/c").error().message,
            "path: a broken percent escape or a control byte in segment 2");
}

}  // namespace
}  // namespace sluice::http
