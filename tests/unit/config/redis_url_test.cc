#include "config/redis_url.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::config {
namespace {

struct Good {
  const char* url;
  const char* endpoint;
  std::string user;
  std::string password;
  uint32_t database;
};

TEST(RedisUrlTest, PartsAreReadAndDecoded) {
  const std::vector<Good> cases = {
      {"redis://127.0.0.1", "127.0.0.1:6379", "", "", 0},
      {"redis://127.0.0.1/", "127.0.0.1:6379", "", "", 0},
      {"redis://redis.example:7000/3", "redis.example:7000", "", "", 3},
      {"redis://[::1]", "[::1]:6379", "", "", 0},
      {"redis://[2001:db8::1]:7000/1", "[2001:db8::1]:7000", "", "", 1},
      {"redis://:pw@h", "h:6379", "", "pw", 0},
      {"redis://app:p%40%2f%3A%25@h:1/0", "h:1", "app", "p@/:%", 0},
      {"redis://:p@w:d@h", "h:6379", "", "p@w:d", 0},
      {"redis://:@h", "h:6379", "", "", 0},
      {"unix:///run/redis.sock", "unix:/run/redis.sock", "", "", 0},
      {"unix:///run/redis.sock?db=7", "unix:/run/redis.sock", "", "", 7},
      {"unix://app:pw@/run/redis.sock", "unix:/run/redis.sock", "app", "pw", 0},
  };
  for (const Good& good : cases) {
    Redis redis;
    redis.user = "left over";
    redis.probe_interval_ms = 42;
    const auto parsed = ParseRedisUrl(good.url, redis);
    ASSERT_TRUE(parsed) << good.url << ": " << parsed.error();
    EXPECT_EQ(redis.endpoint.ToString(), good.endpoint) << good.url;
    EXPECT_EQ(redis.user, good.user) << good.url;
    EXPECT_EQ(redis.password, good.password) << good.url;
    EXPECT_EQ(redis.database, good.database) << good.url;
    EXPECT_EQ(redis.probe_interval_ms, 42u) << good.url;
  }
}

struct Bad {
  std::string url;
  const char* message;
};

TEST(RedisUrlTest, EachMistakeIsNamedAndNothingChanges) {
  const char* host = "has no host and port after redis:// (and the password, if it has one)";
  const char* database = "has no database number between 0 and 65535 at its end";
  const char* encode = "has a password with / ? or #; write it percent-encoded (%2F %3F %23)";
  const char* percent = "has a % in the user or password that is not %XX";
  const std::vector<Bad> cases = {
      {"", "does not begin with redis:// or unix://"},
      {"s3cret@h:6379", "does not begin with redis:// or unix://"},
      {"http://h", "does not begin with redis:// or unix://"},
      {"redis://", host},
      {"redis://:6379", host},
      {"redis://*:6379", host},
      {"redis://h:0", host},
      {"redis://h:65536", host},
      {"redis://h:s3cret", host},
      {"redis://:s3cret", host},
      {"redis://::1", host},
      {"redis://h h", host},
      {"redis://:s3cret@", host},
      {"redis://h/x", database},
      {"redis://h/0/1", database},
      {"redis://h/-1", database},
      {"redis://h/01", database},
      {"redis://h/65536", database},
      {"redis://h?db=1", "has a ? or # part; the database is written /NUMBER"},
      {"redis://:s3/cret@h", encode},
      {"redis://:s3?cret@h", encode},
      {"redis://:s3#cret@h", encode},
      {"redis://s3cret@h", "has a user without a password; a password alone is written :PASSWORD@"},
      {"redis://app:@h", "has a user with an empty password"},
      {"redis://:s3cret%@h", percent},
      {"redis://:s3cret%4@h", percent},
      {"redis://:s3cret%zz@h", percent},
      {"redis://s3%cret:x@h", percent},
      {"unix://", "has no socket path of at most 107 bytes after unix://"},
      {"unix:///" + std::string(107, 'a'), "has no socket path of at most 107 bytes after unix://"},
      {"unix://run/x.sock", "has a host; a socket is written unix:///path"},
      {"unix:///x.sock?password=s3cret", "has a ? part other than ?db=NUMBER"},
      {"unix:///x.sock?db=", database},
      {"unix:///x.sock?db=x", database},
  };
  for (const Bad& bad : cases) {
    Redis redis;
    redis.user = "unchanged";
    const Redis before = redis;
    const auto parsed = ParseRedisUrl(bad.url, redis);
    ASSERT_FALSE(parsed) << bad.url;
    EXPECT_EQ(parsed.error(), bad.message) << bad.url;
    EXPECT_EQ(parsed.error().find("cret"), std::string::npos) << bad.url;
    EXPECT_EQ(redis, before) << bad.url;
  }
}

}  // namespace
}  // namespace sluice::config
