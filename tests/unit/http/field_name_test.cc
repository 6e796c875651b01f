#include "sluice/http/field_name.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

struct NameCase {
  std::string_view name;
  FieldName known;
  bool folded = false;
};

class FieldNameTest : public ::testing::TestWithParam<NameCase> {};

TEST_P(FieldNameTest, IsFoundInAnyCase) {
  std::string name(GetParam().name);
  const auto expect = [&] {
    // With other bytes before and behind, which must not matter.
    const std::string around = "x" + name + ": x";
    const KnownField found = FindFieldName(std::string_view(around).substr(1, name.size()));
    EXPECT_EQ(static_cast<int>(found.name), static_cast<int>(GetParam().known)) << name;
    EXPECT_EQ(found.folded, GetParam().folded) << name;
  };
  expect();
  for (char& c : name) c = static_cast<char>(std::toupper(c));
  expect();
  for (char& c : name) c = static_cast<char>(std::tolower(c));
  expect();
}

INSTANTIATE_TEST_SUITE_P(
    Names, FieldNameTest,
    ::testing::Values(
        NameCase{"TE", FieldName::kTe}, NameCase{"Via", FieldName::kVia},
        NameCase{"Host", FieldName::kHost}, NameCase{"Date", FieldName::kDate},
        NameCase{"Cookie", FieldName::kCookie}, NameCase{"Expect", FieldName::kExpect},
        NameCase{"Server", FieldName::kServer}, NameCase{"Upgrade", FieldName::kUpgrade},
        NameCase{"Expires", FieldName::kExpires}, NameCase{"Trailer", FieldName::kTrailer},
        NameCase{"Forwarded", FieldName::kForwarded}, NameCase{"X-Real-IP", FieldName::kXRealIp},
        NameCase{"Connection", FieldName::kConnection},
        NameCase{"Keep-Alive", FieldName::kKeepAlive},
        NameCase{"Set-Cookie", FieldName::kSetCookie},
        NameCase{"Content-Type", FieldName::kContentType},
        NameCase{"Authorization", FieldName::kAuthorization},
        NameCase{"Cache-Control", FieldName::kCacheControl},
        NameCase{"Accept-Ranges", FieldName::kAcceptRanges},
        NameCase{"Content-Length", FieldName::kContentLength},
        NameCase{"HTTP2-Settings", FieldName::kHttp2Settings},
        NameCase{"X-Forwarded-For", FieldName::kXForwardedFor},
        NameCase{"X-Forwarded-Host", FieldName::kXForwardedHost},
        NameCase{"X-Accel-Redirect", FieldName::kXAccelRedirect},
        NameCase{"Proxy-Connection", FieldName::kProxyConnection},
        NameCase{"Transfer-Encoding", FieldName::kTransferEncoding},
        NameCase{"X-Forwarded-Proto", FieldName::kXForwardedProto},
        NameCase{"X-Accel-Buffering", FieldName::kXAccelBuffering},
        NameCase{"Proxy-Authenticate", FieldName::kProxyAuthenticate},
        NameCase{"X-Accel-Limit-Rate", FieldName::kXAccelLimitRate},
        NameCase{"Content-Disposition", FieldName::kContentDisposition},
        NameCase{"Proxy-Authorization", FieldName::kProxyAuthorization},
        NameCase{"X-Forwarded-Port", FieldName::kXForwardedOther},
        NameCase{"X-Forwarded-Client-Cert", FieldName::kXForwardedOther},
        NameCase{"X-Accel-Expires", FieldName::kXAccelOther},
        NameCase{"X-Accel-X", FieldName::kXAccelOther}));

INSTANTIATE_TEST_SUITE_P(
    Folded, FieldNameTest,
    ::testing::Values(NameCase{"X_Forwarded_For", FieldName::kXForwardedFor, true},
                      NameCase{"X-Forwarded_For", FieldName::kXForwardedFor, true},
                      NameCase{"X.Forwarded!For", FieldName::kXForwardedFor, true},
                      NameCase{"Content_Length", FieldName::kContentLength, true},
                      NameCase{"Transfer_Encoding", FieldName::kTransferEncoding, true},
                      NameCase{"X_Accel_Anything", FieldName::kXAccelOther, true},
                      NameCase{"X_Forwarded_Anything", FieldName::kXForwardedOther, true},
                      NameCase{"X_Real_Ip", FieldName::kXRealIp, true}));

INSTANTIATE_TEST_SUITE_P(
    Others, FieldNameTest,
    ::testing::Values(
        NameCase{"", FieldName::kOther}, NameCase{"X", FieldName::kOther},
        NameCase{"Accept", FieldName::kOther}, NameCase{"Hosts", FieldName::kOther},
        NameCase{"Hos", FieldName::kOther}, NameCase{"Hast", FieldName::kOther},
        NameCase{"Content-Lengt", FieldName::kOther}, NameCase{"Content-Lengts", FieldName::kOther},
        NameCase{"ContentXLength", FieldName::kOther},
        NameCase{"XXForwardedXFor", FieldName::kOther}, NameCase{"X-Forwarded-", FieldName::kOther},
        NameCase{"X-Accel-", FieldName::kOther}, NameCase{"X-Accelerate-Me", FieldName::kOther},
        NameCase{"Transfer-Encodin`", FieldName::kOther},
        NameCase{"Sec-WebSocket-Protocol", FieldName::kOther}));

TEST(FoldedNamesTest, NamesFoldAsCgiFoldsThem) {
  EXPECT_TRUE(FoldsTo("x_user.id", "X-User-Id"));
  EXPECT_TRUE(FoldsTo("X-User", "x-user"));
  EXPECT_FALSE(FoldsTo("X-User", "X-Users"));
  EXPECT_FALSE(FoldsTo("XaUser", "X-User"));
}

}  // namespace
}  // namespace sluice::http
