#include "cli/http_url.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

// "endpoint authority target", or the error.
std::string Show(const Result<HttpUrl>& url) {
  if (!url) return "error: " + url.error().message;
  return url->endpoint.ToString() + " " + url->authority + " " + url->target;
}

TEST(HttpUrlTest, UnderstandsEveryForm) {
  EXPECT_EQ(Show(ParseHttpUrl("http://h")), "h:80 h /");
  EXPECT_EQ(Show(ParseHttpUrl("http://h:81/a/b?c=d#e")), "h:81 h:81 /a/b?c=d");
  EXPECT_EQ(Show(ParseHttpUrl("http://h?c")), "h:80 h /?c");
  EXPECT_EQ(Show(ParseHttpUrl("http://[::1]:8080/x")), "[::1]:8080 [::1]:8080 /x");
  EXPECT_EQ(Show(ParseHttpUrl("http://[::1]/x")), "[::1]:80 [::1] /x");
  EXPECT_EQ(Show(ParseHttpUrl("http://unix:/run/s.sock:/x?y")), "unix:/run/s.sock localhost /x?y");
  EXPECT_EQ(Show(ParseHttpUrl("http://unix:/run/s.sock")), "unix:/run/s.sock localhost /");
}

TEST(HttpUrlTest, RefusesWhatItIsNot) {
  for (const std::string_view text :
       {"", "h", "http:/h", "http://", "http://:80/", "http://h:x/", "http://h:99999/",
        "http://u:p@h/", "http://[::1/", "http://h/a b", "http://h/a\r\nX: y", "http://h/\x7f",
        "http://unix:", "ws://h/", "https://h/"}) {
    const auto url = ParseHttpUrl(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, Errc::kInvalid) << text;
  }
}

TEST(HttpUrlTest, AnErrorQuotesNoTokens) {
  for (const std::string_view text :
       {"https://h/?token=secret", "h/?token=secret", "http://h/a b?token=secret",
        "http://h/?token=secret x", "http://u:secret@h/", "http://h:x/?token=secret"}) {
    const std::string shown = Show(ParseHttpUrl(text));
    EXPECT_TRUE(shown.starts_with("error: ")) << shown;
    EXPECT_EQ(shown.find("secret"), std::string::npos) << shown;
    EXPECT_EQ(shown.find('\n'), std::string::npos) << shown;
  }
}

TEST(HttpUrlTest, FollowsRedirects) {
  const HttpUrl url = ParseHttpUrl("http://h:81/a?b").value();
  EXPECT_EQ(Show(url.Follow("/c?d#e")), "h:81 h:81 /c?d");
  EXPECT_EQ(Show(url.Follow("http://other/c")), "other:80 other /c");
  EXPECT_EQ(Show(url.Follow("//other/c")), "other:80 other /c");
  for (const std::string_view location : {"", "c", "https://h/", "/a b", "javascript:x"}) {
    EXPECT_FALSE(url.Follow(location)) << location;
  }
}

}  // namespace
}  // namespace sluice::cli
