#include "redis/fault.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::redis {
namespace {

TEST(FaultTest, KnowsTheCodesOfRedis) {
  const auto cause = [](const char* error) { return FaultFromReply("PUBLISH", error).cause; };
  EXPECT_EQ(cause("LOADING Redis is loading the dataset in memory"), Cause::kLoading);
  EXPECT_EQ(cause("NOAUTH Authentication required."), Cause::kNoAuth);
  EXPECT_EQ(cause("ERR operation not permitted"), Cause::kNoAuth);
  EXPECT_EQ(cause("WRONGPASS invalid username-password pair"), Cause::kWrongPassword);
  EXPECT_EQ(cause("ERR invalid password"), Cause::kWrongPassword);
  EXPECT_EQ(cause("NOPERM this user has no permissions"), Cause::kNoPermission);
  EXPECT_EQ(cause("READONLY You can't write against a read only replica."), Cause::kReplica);
  EXPECT_EQ(cause("MASTERDOWN Link with MASTER is down"), Cause::kReplica);
  EXPECT_EQ(cause("DENIED Redis is running in protected mode"), Cause::kProtectedMode);
  EXPECT_EQ(cause("ERR max number of clients reached"), Cause::kClientLimit);
  EXPECT_EQ(cause("ERR unknown command"), Cause::kRefused);
  EXPECT_EQ(cause("LOADINGX"), Cause::kRefused);
  EXPECT_EQ(cause(""), Cause::kRefused);
}

TEST(FaultTest, NamesTheCommandAndCutsLongErrors) {
  const Fault fault = FaultFromReply("SELECT 99", "ERR DB index is out of range");
  EXPECT_EQ(fault.what, "SELECT 99: ERR DB index is out of range");
  EXPECT_EQ(FaultFromReply("X", std::string(5000, 'e')).what.size(), 203U);
}

TEST(FaultTest, SaysWhatToDo) {
  for (const Cause cause :
       {Cause::kConnect, Cause::kClosed, Cause::kSilent, Cause::kProtocol, Cause::kTooLarge,
        Cause::kLoading, Cause::kNoAuth, Cause::kWrongPassword, Cause::kNoPermission,
        Cause::kReplica, Cause::kClientLimit, Cause::kProtectedMode}) {
    EXPECT_FALSE((Fault{cause, ""}).advice().empty()) << static_cast<int>(cause);
  }
}

TEST(FaultTest, KeepsNothingOfAnAuthErrorThatMayQuoteThePassword) {
  const Fault renamed =
      FaultFromAuth("ERR unknown command `AUTH`, with args beginning with: `s3cret`");
  EXPECT_EQ(renamed.cause, Cause::kWrongPassword);
  EXPECT_EQ(renamed.what, "AUTH: refused");
  EXPECT_EQ(FaultFromAuth("WRONGPASS s3cret").what, "AUTH: WRONGPASS");
  EXPECT_EQ(FaultFromAuth("NOPERM s3cret").what, "AUTH: NOPERM");
  EXPECT_EQ(FaultFromAuth("LOADING s3cret").cause, Cause::kLoading);
  EXPECT_EQ(FaultFromAuth("ERR max number of clients reached s3cret").what,
            "max number of clients reached");
}

TEST(FaultTest, ExplainsAPasswordThatNobodyAskedFor) {
  const Fault none = FaultFromAuth(
      "ERR AUTH <password> called without any password configured for the default user.");
  EXPECT_EQ(none.what, "AUTH: this Redis has no password set, but redis.url holds one");
  const Fault old = FaultFromAuth("ERR wrong number of arguments for 'auth' command");
  EXPECT_NE(old.what.find("older than 6"), std::string::npos);
}

}  // namespace
}  // namespace sluice::redis
