#include "sluice/proxy/target.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::proxy {
namespace {

std::string Seen(std::string_view raw, std::string prefix = "/", bool strip = false) {
  config::Route route;
  route.path = std::move(prefix);
  route.strip_prefix = strip;
  const auto path = http::Path::Parse(raw);
  if (!path) return "not a path";
  std::string out = "GET ";
  AppendUpstreamPath(out, raw, *path, route);
  return out.substr(4);
}

std::string Stripped(std::string_view raw, std::string prefix = "/api") {
  return Seen(raw, std::move(prefix), true);
}

TEST(UpstreamPathTest, BytesArePassedOnAsTheyAre) {
  for (const char* path : {"/", "/a/b", "/a/", "//a///b//", "/%41%2f%2F/x%20y", "/fetch/http://h/x",
                           "/a;b=c/$&'()*+,=:@!~", "/.a/..b/...", "/%2ea", "/\xC3\xA4"}) {
    EXPECT_EQ(Seen(path), path);
  }
}

TEST(UpstreamPathTest, DotSegmentsAreResolvedBeforeTheServerCanFindThem) {
  EXPECT_EQ(Seen("/admin/../open"), "/open");
  EXPECT_EQ(Seen("/a/%2e%2E/b"), "/b");
  EXPECT_EQ(Seen("/a/.%2e/b/%2e"), "/b/");
  EXPECT_EQ(Seen("/a/./b"), "/a/b");
  EXPECT_EQ(Seen("/a//../b"), "/b") << "as it was routed: empty segments go first";
  EXPECT_EQ(Seen("/a/b/.."), "/a/");
  EXPECT_EQ(Seen("/a/.."), "/");
  EXPECT_EQ(Seen("/a/../%41%2F"), "/%41%2F") << "other escapes stay";
}

TEST(UpstreamPathTest, ResolvedIsWhatWasRouted) {
  for (const char* raw : {"/a/b/../c/./d", "/./", "/a/b/../../", "/x/%2e/y//z/", "/a%2Fb/../c"}) {
    EXPECT_EQ(http::Path::Parse(Seen(raw))->text(), http::Path::Parse(raw)->text()) << raw;
    EXPECT_FALSE(http::Path::Parse(Seen(raw))->dot_segments()) << raw;
  }
}

TEST(UpstreamPathTest, PrefixIsTakenAway) {
  EXPECT_EQ(Stripped("/api"), "/");
  EXPECT_EQ(Stripped("/api/"), "/");
  EXPECT_EQ(Stripped("/api/x/"), "/x/");
  EXPECT_EQ(Stripped("/api/x//y"), "/x//y");
  EXPECT_EQ(Stripped("//api//x"), "/x");
  EXPECT_EQ(Stripped("/%61pi/x%20y"), "/x%20y");
  EXPECT_EQ(Stripped("/api/a/../b"), "/b");
  EXPECT_EQ(Stripped("/api%2Fx%2Fy"), "/x%2Fy") << "the router takes it for a slash, too";
  EXPECT_EQ(Stripped("/api/v2/x", "/api/v2/"), "/x");
  EXPECT_EQ(Stripped("/x", "/"), "/x");
}

TEST(UpstreamPathTest, AnotherPrefixIsLeftAlone) {
  EXPECT_EQ(Stripped("/apix/y"), "/apix/y");
  EXPECT_EQ(Stripped("/download/1", "/files"), "/download/1");
  EXPECT_EQ(Stripped("/", "/files"), "/");
  EXPECT_EQ(Stripped("/x", ""), "/x");
}

TEST(RawPathTest, IsFoundInEveryForm) {
  EXPECT_EQ(RawPath("/a/b?c=/d"), "/a/b");
  EXPECT_EQ(RawPath("http://h:80/a?b"), "/a");
  EXPECT_EQ(RawPath("http://h?b"), "/");
  EXPECT_EQ(RawPath("http://h"), "/");
  EXPECT_EQ(RawPath("/?"), "/");
  EXPECT_EQ(RawPath("*"), "/");
}

}  // namespace
}  // namespace sluice::proxy
