#include "sluice/base/recycled.h"

#include <memory>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace sluice {
namespace {

class Base {
 public:
  virtual ~Base() = default;
};

class Thing final : public Base, public Recycled<Thing, 4> {
 public:
  int number = 7;
};

TEST(RecycledTest, ObjectsAreNewWhateverLayThereBefore) {
  std::unique_ptr<Base> first = std::make_unique<Thing>();
  static_cast<Thing&>(*first).number = 8;
  first.reset();
  EXPECT_EQ(std::make_unique<Thing>()->number, 7);
}

TEST(RecycledTest, MoreThanAreKeptComeAndGo) {
  std::vector<std::unique_ptr<Thing>> things;
  std::set<const Thing*> places;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 10; ++i)
      places.insert(things.emplace_back(std::make_unique<Thing>()).get());
    EXPECT_GE(places.size(), 10U) << "no two of them in one place";
    things.clear();
    places.clear();
  }
}

TEST(RecycledTest, ObjectMayEndOnAnotherThread) {
  auto thing = std::make_unique<Thing>();
  std::thread([&thing] { thing.reset(); }).join();
  EXPECT_EQ(thing, nullptr);
}

}  // namespace
}  // namespace sluice
