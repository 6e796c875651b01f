#include "cli/publish_url.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

std::string Show(const Result<HttpUrl>& url) {
  if (!url) return "error: " + url.error().message;
  return "http://" + url->authority + url->target;
}

std::string Show(const Result<ConfiguredPublish>& publish) {
  return Show(publish.map([](const ConfiguredPublish& found) { return found.url; }));
}

config::Config WithPaths(std::string_view listen) {
  config::Config config;
  config.listen.emplace_back().endpoint = net::ParseEndpoint(listen).value();
  config.publish.emplace_back().path = "/{topic}/say";
  config.publish.emplace_back().path = "/news";
  config.publish.back().topic = "news";
  config.publish.emplace_back().path = "/rooms/{id}";
  config.publish.back().topic = "room";
  return config;
}

TEST(PublishUrlTest, ABaseGetsTheUsualPath) {
  EXPECT_EQ(Show(PublishUrl("http://h:81", "news")), "http://h:81/publish/news");
  EXPECT_EQ(Show(PublishUrl("http://h:81/", "news")), "http://h:81/publish/news");
}

TEST(PublishUrlTest, TheTopicIsEncoded) {
  EXPECT_EQ(Show(PublishUrl("http://h", "room:4/2 ?#ä")),
            "http://h/publish/room%3A4%2F2%20%3F%23%C3%A4");
  EXPECT_EQ(Show(PublishUrl("http://h/p/{topic}?k=v", "a&b")), "http://h/p/a%26b?k=v");
}

TEST(PublishUrlTest, AnotherPathNeedsTheTopic) {
  EXPECT_TRUE(Show(PublishUrl("http://h/publish/news", "news")).starts_with("error: --url: "));
}

TEST(PublishUrlTest, TheConfigurationsPathForTheTopicIsPreferred) {
  const auto config = WithPaths("127.0.0.1:8080");
  EXPECT_EQ(Show(PublishUrl(config, "news")), "http://127.0.0.1:8080/news");
  EXPECT_EQ(Show(PublishUrl(config, "other")), "http://127.0.0.1:8080/other/say");
  EXPECT_EQ(Show(PublishUrl(config, "room")), "http://127.0.0.1:8080/room/say");
}

TEST(PublishUrlTest, TheListenersAddressIsOneThatAClientCanReach) {
  EXPECT_EQ(Show(PublishUrl(WithPaths("*:8080"), "a")), "http://127.0.0.1:8080/a/say");
  EXPECT_EQ(Show(PublishUrl(WithPaths("[::]:8080"), "a")), "http://[::1]:8080/a/say");
  const auto over_unix = PublishUrl(WithPaths("unix:/run/s.sock"), "a");
  EXPECT_EQ(Show(over_unix), "http://localhost/a/say");
  EXPECT_EQ(over_unix.value().url.endpoint.unix_path, "/run/s.sock");
  EXPECT_FALSE(PublishUrl(WithPaths("127.0.0.1:0"), "a"));
}

TEST(PublishUrlTest, NameAndIdGoIntoTheQuery) {
  HttpUrl url = PublishUrl("http://h", "a").value();
  AddQuery(url, "event", "");
  EXPECT_EQ(url.target, "/publish/a");
  AddQuery(url, "event", "x y");
  AddQuery(url, "id", "1:2");
  EXPECT_EQ(url.target, "/publish/a?event=x%20y&id=1%3A2");
}

}  // namespace
}  // namespace sluice::cli
