#include "sluice/base/keyed_hash.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace sluice {
namespace {

// From the reference implementation: the key is the bytes 0 to 15, the input 0, 1, 2, ...
TEST(KeyedHashTest, IsSipHash24) {
  const KeyedHash hash(0x0706050403020100U, 0x0f0e0d0c0b0a0908U);
  std::string input;
  EXPECT_EQ(hash(input), 0x726fdb47dd0e0e31U);
  for (char c = 0; c < 15; ++c) input += c;
  EXPECT_EQ(hash(input), 0xa129ca6149be45e5U);
}

TEST(KeyedHashTest, EachHasAKeyOfItsOwn) {
  std::set<uint64_t> values;
  for (int i = 0; i < 20; ++i) values.insert(KeyedHash()("same"));
  EXPECT_EQ(values.size(), 20U);
}

}  // namespace
}  // namespace sluice
