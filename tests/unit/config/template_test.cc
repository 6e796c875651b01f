#include "config/template.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(TemplateTest, ParametersAreFoundAndTheShapeForgetsTheirNames) {
  const auto path = ParsePath("/a/{x}/b/{y_1}");
  ASSERT_TRUE(path) << path.error();
  EXPECT_EQ(path->shape, "/a/{}/b/{}");
  EXPECT_THAT(path->parameters, ElementsAre("x", "y_1"));
  EXPECT_EQ(ParsePath("/a/{p}/b/{q}")->shape, path->shape);

  const auto channel = ParseChannel("room:{id}-{lang}");
  ASSERT_TRUE(channel) << channel.error();
  EXPECT_EQ(channel->shape, "room:{}-{}");
  EXPECT_THAT(channel->parameters, ElementsAre("id", "lang"));
}

TEST(TemplateTest, OrdinaryPathsAreAccepted) {
  for (const char* text : {"/", "/events", "/a.b/~c/d-e_f", "/\xC3\xA9t\xC3\xA9", "/a;b=c@d:e"}) {
    const auto path = ParsePath(text);
    ASSERT_TRUE(path) << text << ": " << path.error();
    EXPECT_EQ(path->shape, text);
    EXPECT_THAT(path->parameters, IsEmpty());
  }
}

struct Bad {
  std::string text;
  const char* message;
};

TEST(TemplateTest, PathsThatNoRequestCanHaveAreRefused) {
  const char* dots = "has an empty segment, \".\" or \"..\"; no request is routed by such a path";
  const char* segment = "has a parameter that is not a whole segment (/{name}/)";
  const char* brace = "has a brace without its partner";
  const std::vector<Bad> cases = {
      {"", "does not begin with /"},
      {"a", "does not begin with /"},
      {"/a%20b", "holds %; a path is written here as it is after decoding"},
      {"/a b", "holds ' ', which no path can"},
      {"/a?b", "holds '?', which no path can"},
      {"/a#b", "holds '#', which no path can"},
      {"/a\\b", "holds '\\', which no path can"},
      {"//", dots},
      {"/a//b", dots},
      {"/a/./b", dots},
      {"/a/..", dots},
      {"/a/x{b}", segment},
      {"/a/{b}x", segment},
      {"/a/{b}{c}", segment},
      {"/a/{b", brace},
      {"/a/b}", brace},
      {"/{}", "has the parameter \"\"; a name is 1 to 32 letters, digits and _"},
      {"/{a-b}", "has the parameter \"a-b\"; a name is 1 to 32 letters, digits and _"},
      {"/{a}/{a}", "has the parameter {a} twice"},
      {"/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", "has more than 8 parameters"},
      {"/" + std::string(1024, 'a'), "is longer than 1024 bytes"},
  };
  for (const Bad& bad : cases) {
    const auto path = ParsePath(bad.text);
    ASSERT_FALSE(path) << bad.text;
    EXPECT_EQ(path.error(), bad.message) << bad.text;
  }
}

TEST(TemplateTest, SlashAtTheEndOfAPathMakesNoDifference) {
  EXPECT_EQ(ParsePath("/a/")->shape, "/a");
  EXPECT_EQ(ParsePath("/a/{x}/")->shape, "/a/{}");
}

TEST(TemplateTest, AmbiguousAndOversizedChannelsAreRefused) {
  EXPECT_EQ(ParseChannel("").error(), "is not 1 to 256 bytes long");
  EXPECT_EQ(ParseChannel(std::string(257, 'a')).error(), "is not 1 to 256 bytes long");
  EXPECT_TRUE(ParseChannel(std::string(256, 'a')));
  EXPECT_EQ(ParseChannel("a b").error(), "holds a space");
  EXPECT_EQ(ParseChannel("sluice:{a}").error(), "begins with sluice:, which is Sluice's own");
  EXPECT_EQ(ParseChannel("{a}{b}").error(), "has two parameters without text between them");
}

}  // namespace
}  // namespace sluice::config
