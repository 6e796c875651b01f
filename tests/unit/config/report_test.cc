#include "config/report.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::config {
namespace {

using ::testing::ElementsAre;

TEST(ReportTest, ProblemsComeInTheOrderOfTheFile) {
  Report report("f.yaml");
  report.Add({7, 3}, "b", "second");
  report.Add({7, 1}, "a", "first");
  report.Add({7, 3}, "b", "third");
  EXPECT_FALSE(report.empty());
  std::vector<std::string> lines;
  for (const Problem& problem : report.Take()) lines.push_back(problem.ToString());
  EXPECT_THAT(lines,
              ElementsAre("f.yaml:7:1: a: first", "f.yaml:7:3: b: second", "f.yaml:7:3: b: third"));
}

TEST(ReportTest, PlaceAndKeyAreLeftOutWhereThereIsNone) {
  EXPECT_EQ((Problem{"f.yaml", 0, 0, "", "is gone"}).ToString(), "f.yaml: is gone");
  EXPECT_EQ((Problem{"f.yaml", 2, 4, "", "is odd"}).ToString(), "f.yaml:2:4: is odd");
}

TEST(QuoteTest, TextIsShortenedBetweenCharactersAndEscaped) {
  EXPECT_EQ(Quote("plain \xC3\xA9"), "\"plain \xC3\xA9\"");
  EXPECT_EQ(Quote("a\nb\x1B[0m\x7F"), "\"a\\x0ab\\x1b[0m\\x7f\"");
  EXPECT_EQ(Quote("\xFF\xC3"), "\"\\xff\\xc3\"");
  EXPECT_EQ(Quote(std::string(60, 'a')), "\"" + std::string(60, 'a') + "\"");
  EXPECT_EQ(Quote(std::string(61, 'a')), "\"" + std::string(60, 'a') + "...\"");
  EXPECT_EQ(Quote(std::string(59, 'a') + "\xC3\xA9"), "\"" + std::string(59, 'a') + "...\"");
}

TEST(QuoteTest, UserAndPasswordOfAUrlAreHidden) {
  EXPECT_EQ(Quote("redis://app:s3cret@h:1/0"), "\"redis://***@h:1/0\"");
  EXPECT_EQ(Quote("x redis://:s3@cr/et@h"), "\"x redis://***@h\"");
  EXPECT_EQ(Printable("redis://:s3cret@h"), "redis://***@h");
  EXPECT_EQ(Quote("http://h/a"), "\"http://h/a\"");
}

TEST(DidYouMeanTest, NearestWithinTwoEditsIsNamed) {
  EXPECT_EQ(DidYouMean("lissen", {"listen", "linger"}), "; did you mean \"listen\"?");
  EXPECT_EQ(DidYouMean("chanel", {"path", "channel"}), "; did you mean \"channel\"?");
  EXPECT_EQ(DidYouMean("headres", {"headers", "header_bytes"}), "; did you mean \"headers\"?");
  EXPECT_EQ(DidYouMean("lstn", {"listen"}), "; did you mean \"listen\"?");
  EXPECT_EQ(DidYouMean("lst", {"listen"}), "");
  EXPECT_EQ(DidYouMean("", {"demo"}), "");
  EXPECT_EQ(DidYouMean(std::string(1'000'000, 'x'), {"demo"}), "");
}

}  // namespace
}  // namespace sluice::config
