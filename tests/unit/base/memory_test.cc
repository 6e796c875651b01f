#include "sluice/base/memory.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(MemoryTest, ReleasedTextHasNone) {
  std::string text(100'000, 'x');
  Release(text);
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(text.capacity(), std::string().capacity());
}

}  // namespace
}  // namespace sluice
