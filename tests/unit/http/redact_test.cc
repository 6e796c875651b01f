#include "sluice/http/redact.h"

#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

std::string Redact(std::string_view url, const std::vector<std::string>& names = {}) {
  Redactor redactor;
  for (const std::string& name : names) redactor.AddName(name);
  std::string out;
  redactor.Append(out, url);
  return out;
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

void ExpectRedacted(const Pairs& pairs) {
  for (const auto& [url, redacted] : pairs) EXPECT_EQ(Redact(url), redacted);
}

TEST(RedactTest, WhatIsNotSecretIsKeptByteForByte) {
  for (const char* url :
       {"", "/", "*", "/events/news", "/a?b=c&d", "/a?&&=&=x", "/%zz?%=%4", "/a%20b?c=%C3%A9+d",
        "/a?b=c=d==", "/a?tok=1&tokens=2&monkey=3&keys=4", "https://example.com/a?b=c#d=e",
        "http://[::1]:80/?x", "/a?mail=me@example.com", "/@user/posts",
        "/a?#?#&=", "\xff\xfe?\x80=", "/a?b=https%3A%2F%2Fh%2F%3Fc%3Dd"}) {
    EXPECT_EQ(Redact(url), url);
  }
}

TEST(RedactTest, ValuesOfSecretNamesAreReplaced) {
  ExpectRedacted({
      {"/e?token=abc", "/e?token=***"},
      {"/e?a=1&token=abc&b=2", "/e?a=1&token=***&b=2"},
      {"/e?token=", "/e?token=***"},
      {"/e?token", "/e?token"},
      {"/e?token=a&token=b", "/e?token=***&token=***"},
      {"/e?token=a=b==&c=d", "/e?token=***&c=d"},
      {"/e?token=a?b/c;d&e=f", "/e?token=***&e=f"},
      {"/e?token=%26%3D%23&e=f", "/e?token=***&e=f"},
      {"/e?&&token=a&&", "/e?&&token=***&&"},
  });
}

TEST(RedactTest, EveryNameOfTheListIsSecret) {
  for (const char* name :
       {"token", "access_token", "id_token", "refresh_token", "jwt", "key", "api_key", "apikey",
        "secret", "password", "auth", "authorization", "session", "sig", "signature"}) {
    EXPECT_EQ(Redact(std::string("/?") + name + "=abc"), std::string("/?") + name + "=***");
  }
}

TEST(RedactTest, NamesAreRecognisedHoweverTheyAreWritten) {
  for (const char* name :
       {"TOKEN", "ToKeN", "%74oken", "%54%4F%4B%45%4E", "tok%65n", "access-token", "accessToken",
        "Api-Key", "user[password]", "user%5Bpassword%5D", "[token]", "auth.token", "x;token",
        "x%3Btoken", "+token"}) {
    EXPECT_EQ(Redact(std::string("/?a=1&") + name + "=abc&b=2"),
              std::string("/?a=1&") + name + "=***&b=2");
  }
}

TEST(RedactTest, ConfiguredNamesAreSecretToo) {
  EXPECT_EQ(Redact("/?ticket=a&Ti%63ket=b&c=d", {"ticket", "_"}), "/?ticket=***&Ti%63ket=***&c=d");
  EXPECT_EQ(Redact("/?_=a&=b&[]=c", {"_"}), "/?_=***&=b&[]=c");
  EXPECT_EQ(Redact("/?my.ticket=a", {"my.ticket"}), "/?my.ticket=***");
}

TEST(RedactTest, UserinfoIsReplaced) {
  ExpectRedacted({
      {"https://user:pass@host/a", "https://***@host/a"},
      {"https://user@host", "https://***@host"},
      {"https://u:p@ss@host/a@b", "https://***@host/a@b"},
      {"https://u:p@host?token=x#key=y", "https://***@host?token=***#key=***"},
      {"//u:p@host/", "//***@host/"},
      {"https:\\\\u:p@host/", "https:\\\\***@host/"},
      {"/a?next=https://u:p@host/", "/a?next=***"},
      {"/a?next=https%3A%2F%2Fu%3Ap%40host%2F", "/a?next=https***"},
  });
}

TEST(RedactTest, FragmentsAreSearched) {
  ExpectRedacted({
      {"https://h/cb#access_token=abc&state=1", "https://h/cb#access_token=***&state=1"},
      {"https://h/?a=1#id_token=abc#def", "https://h/?a=1#id_token=***"},
      {"https://h/#/route?token=abc", "https://h/#/route?token=***"},
  });
}

TEST(RedactTest, SecretsInOddPlacesAreFound) {
  ExpectRedacted({
      {"/a;token=abc/def?x=1", "/a;token=***?x=1"},
      {"/a&token=abc", "/a&token=***"},
      {"/a?b=1;token=abc", "/a?b=1;token=***"},
      {"/a?b=1;c=2;d=3;e=4;f=5;token=abc", "/a?b=1;c=2;d=3;e=4;f=5;token=***"},
      {"/a?b=c?token=abc", "/a?b=c?token=***"},
      {"/a%3Ftoken%3Dabc", "/a***"},
      {"/a?token%3Dabc%26b%3Dc", "/a?token***"},
      {"/a?to=%2Fb%3Ftoken%3Dabc&c=d", "/a?to=***&c=d"},
      {"/a?to=%252Fb%253Ftoken%253Dabc", "/a?to=***"},
      {"/a?to=%25252Fb%25253Ftoken%25253Dabc", "/a?to=***"},
  });
}

TEST(RedactTest, LongHostileInputEnds) {
  for (const char* piece : {"%25", "=", "token=", "a=b;", "[", "%3D", "&", "@", "https://"}) {
    std::string url = "/?";
    while (url.size() < 64 * 1024) url += piece;
    EXPECT_FALSE(Redact(url).empty());
  }
}

// Whatever stands around it, no byte of a secret value is left. The value is of bytes that the rest
// of the URL never has.
TEST(RedactTest, NothingOfASecretValueIsEverLeft) {
  std::mt19937 random(20'261'122);
  const auto pick = [&](const std::vector<std::string>& from) {
    return from[std::uniform_int_distribution<size_t>(0, from.size() - 1)(random)];
  };
  const std::vector<std::string> noise = {"a", "b", "/", "=", ";", ",",  "%20", "%",    "+",
                                          "?", "&", ".", "[", "]", "%4", "-",   "%3Da", "\xff"};
  const std::vector<std::string> names = {"token", "To%6ben", "api_key",
                                          "JWT",   "%73ig",   "x[secret]"};
  const std::vector<std::string> bytes = {"Q",   "Z",   "%51", "%5A", "=", "?",  "/", ";",
                                          "%3D", "%26", "@",   "+",   "%", "%2", ":"};
  const auto make = [&](const std::vector<std::string>& from, size_t longest) {
    std::string text;
    for (size_t i = std::uniform_int_distribution<size_t>(0, longest)(random); i > 0; --i) {
      text += pick(from);
    }
    return text;
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::string url = pick({"/", "https://h/", "//h"}) + make(noise, 8) +
                            pick({"?", "?a=b&"}) + make(noise, 8) + pick({"&", ";", "?"}) +
                            pick(names) + "=" + make(bytes, 12) + pick({"", "&", "&c=d"});
    const std::string redacted = Redact(url);
    EXPECT_EQ(redacted.find_first_of("QZ"), std::string::npos) << url << " -> " << redacted;
    EXPECT_EQ(redacted.find("%5"), std::string::npos) << url << " -> " << redacted;
    EXPECT_NE(redacted.find("***"), std::string::npos) << url;
  }
}

}  // namespace
}  // namespace sluice::http
