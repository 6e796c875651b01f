#include "redis/command.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::redis {
namespace {

TEST(CommandTest, AppendsWordsWithTheirLengths) {
  std::string out = "x";
  AppendCommand(out, {"PUBLISH", "news", "hello"});
  AppendCommand(out, {"PING"});
  EXPECT_EQ(out,
            "x*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$5\r\nhello\r\n"
            "*1\r\n$4\r\nPING\r\n");
}

TEST(CommandTest, TakesAnyBytesAndEmptyWords) {
  std::string out;
  AppendCommand(out, {std::string_view("%s\0\r\n", 5), std::string_view()});
  EXPECT_EQ(out, std::string("*2\r\n$5\r\n%s\0\r\n\r\n$0\r\n\r\n", 21));
}

}  // namespace
}  // namespace sluice::redis
