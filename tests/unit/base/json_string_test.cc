#include "sluice/base/json_string.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

std::string Json(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

TEST(JsonStringTest, PlainTextIsQuoted) {
  EXPECT_EQ(Json("caf\u00e9 /"), "\"caf\u00e9 /\"");
}

TEST(JsonStringTest, WhatJsonDoesNotAllowIsEscaped) {
  EXPECT_EQ(Json(std::string_view("a\"\\\n\0\x1f", 6)), R"("a\"\\\u000a\u0000\u001f")");
}

TEST(JsonStringTest, ControlCharactersOfATerminalAreEscaped) {
  EXPECT_EQ(Json("\x7f\u0080\u009f\u00a0\u0442"), "\"\\u007f\\u0080\\u009f\u00a0\u0442\"");
}

TEST(JsonStringTest, IllFormedUtf8IsReplaced) {
  EXPECT_EQ(Json("x\xffy\xc3"), "\"x\uFFFDy\uFFFD\"");
}

}  // namespace
}  // namespace sluice
