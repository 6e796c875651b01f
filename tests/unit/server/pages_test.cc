#include "server/pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string HeaderOf(const http::Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

TEST(PagesTest, AreEmbeddedWithTheirStylesAndScripts) {
  for (const std::string_view page : {kDemoPage, kStatusPage}) {
    EXPECT_THAT(std::string(page), HasSubstr("<style nonce=\"{{nonce}}\">"));
    EXPECT_THAT(std::string(page), HasSubstr("class LiveStream"));
    EXPECT_THAT(std::string(page), Not(HasSubstr("src=\"")));
  }
}

TEST(PagesTest, DataCannotEndItsScript) {
  EXPECT_EQ(FillPage("<script>{{data}}</script>", R"({"a":"</script><b>"})"),
            R"(<script>{"a":"\u003c/script>\u003cb>"}</script>)");
}

TEST(PagesTest, NonceIsInThePolicyAndWhereverThePageWantsIt) {
  const http::Response response = PageResponse("{{nonce}} and {{nonce}}");
  const std::string nonce = response.body.substr(0, response.body.find(' '));
  EXPECT_EQ(response.body, nonce + " and " + nonce);
  EXPECT_THAT(HeaderOf(response, "Content-Security-Policy"),
              HasSubstr("script-src 'nonce-" + nonce + "';"));
  EXPECT_THAT(HeaderOf(response, "Content-Security-Policy"), HasSubstr("default-src 'none'"));
  EXPECT_EQ(HeaderOf(response, "Cache-Control"), "no-store");
  EXPECT_NE(PageResponse("{{nonce}}").body, nonce) << "each answer has its own";
}

}  // namespace
}  // namespace sluice::server
