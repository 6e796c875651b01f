#include "config/substitute.h"

#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace sluice::config {
namespace {

tl::expected<std::string, std::string> Expand(std::string_view text) {
  return Substitute(text, [](const std::string& name) -> std::optional<std::string> {
    if (name == "HOST") return "redis.example";
    if (name == "_P0RT") return "6379";
    if (name == "EMPTY") return "";
    if (name == "TRICKY") return "${HOST}: {a: b}";
    if (name == "LARGE") return std::string(40'000, 'x');
    return std::nullopt;
  });
}

TEST(SubstituteTest, VariablesAreReplaced) {
  EXPECT_EQ(Expand("nothing to do"), "nothing to do");
  EXPECT_EQ(Expand("${HOST}:${_P0RT}/0"), "redis.example:6379/0");
  EXPECT_EQ(Expand("<${EMPTY}>"), "<>");
}

TEST(SubstituteTest, DefaultStandsForUnsetAndEmpty) {
  EXPECT_EQ(Expand("${NONE:-a:-b}"), "a:-b");
  EXPECT_EQ(Expand("${NONE:-}"), "");
  EXPECT_EQ(Expand("${EMPTY:-x}"), "x");
  EXPECT_EQ(Expand("${HOST:-x}"), "redis.example");
}

TEST(SubstituteTest, WhatAVariableHoldsIsNotReplacedAgain) {
  EXPECT_EQ(Expand("${TRICKY}"), "${HOST}: {a: b}");
}

TEST(SubstituteTest, OnlyDollarBraceIsSpecialAndDollarDollarBraceIsLiteral) {
  EXPECT_EQ(Expand("pa$$word$HOST{}$"), "pa$$word$HOST{}$");
  EXPECT_EQ(Expand("$${HOST} ${HOST}"), "${HOST} redis.example");
  EXPECT_EQ(Expand("$${"), "${");
}

TEST(SubstituteTest, MistakesAreNamed) {
  EXPECT_EQ(Expand("a ${NONE}").error(),
            "the environment variable NONE is not set; ${NONE:-default} gives it a default");
  EXPECT_EQ(Expand("${HOST").error(), "\"${\" without \"}\"; a literal \"${\" is written \"$${\"");
  for (const char* name : {"", "0A", "A B", "A-B", "${HOST", ":-x", "A:x"}) {
    EXPECT_NE(Expand("${" + std::string(name) + "}")
                  .error()
                  .find("is not the name of an environment variable"),
              std::string::npos)
        << name;
  }
}

TEST(SubstituteTest, ResultIsBounded) {
  EXPECT_TRUE(Expand("${LARGE}"));
  EXPECT_EQ(Expand("${LARGE}${LARGE}").error(), "the value is longer than 65536 bytes");
}

}  // namespace
}  // namespace sluice::config
