// Routes by host and prefix, and what wins over them.

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "sluice/routing/router.h"

namespace sluice::routing {
namespace {

class RoutesTest : public ::testing::Test {
 protected:
  // The route's index is its place in the order of the calls.
  void Add(std::string path, std::initializer_list<std::string> hosts = {}) {
    config::Route route;
    route.name = route.path = std::move(path);
    route.hosts = hosts;
    config_->routes.push_back(std::move(route));
  }
  config::Route& last() { return config_->routes.back(); }
  void AddTopic(std::string name, std::string path, bool internal = false) {
    config::Topic topic;
    topic.name = topic.channel = std::move(name);
    topic.path = std::move(path);
    topic.internal = internal;
    config_->topics.push_back(std::move(topic));
  }
  Match Find(std::string_view path, std::string_view host = "any.example",
             Scope scope = Scope::kClient) {
    if (!router_) router_.emplace(config_);
    path_ = *http::Path::Parse(path);
    return router_->Find(host, path_, scope);
  }
  // The index of the route, -1 for none, -2 for something else.
  int Route(std::string_view path, std::string_view host = "any.example") {
    const Match match = Find(path, host);
    if (match.action == Action::kNone) return -1;
    return match.action == Action::kProxy ? static_cast<int>(match.index) : -2;
  }

  std::shared_ptr<config::Config> config_ = std::make_shared<config::Config>();
  std::optional<Router> router_;
  http::Path path_;
};

TEST_F(RoutesTest, LongestPrefixByWholeSegmentsWins) {
  Add("/");
  Add("/api");
  Add("/api/v2");
  EXPECT_EQ(Route("/"), 0);
  EXPECT_EQ(Route("/x/y"), 0);
  EXPECT_EQ(Route("/apix"), 0);
  EXPECT_EQ(Route("/ap"), 0);
  EXPECT_EQ(Route("/API"), 0) << "paths have case";
  EXPECT_EQ(Route("/api"), 1);
  EXPECT_EQ(Route("/api/"), 1);
  EXPECT_EQ(Route("/api/v1/x"), 1);
  EXPECT_EQ(Route("/api/v2x"), 1);
  EXPECT_EQ(Route("/api/v2/x"), 2);
  EXPECT_EQ(Route("//api/./v2/x/../y"), 2);
  EXPECT_EQ(Route("/api/%76%32"), 2);
}

TEST_F(RoutesTest, PathsThatNoPrefixIsForFindNothing) {
  Add("/api/v2");
  EXPECT_EQ(Route("/"), -1);
  EXPECT_EQ(Route("/api"), -1);
  EXPECT_EQ(Route("/api/v1"), -1);
  EXPECT_EQ(Route("/x/api/v2"), -1);
  EXPECT_FALSE(Find("/").internal);
}

TEST_F(RoutesTest, PrefixWithASlashIsForWhatIsBelowIt) {
  Add("/api/");
  Add("/");
  Add("/files");
  Add("/files/");
  EXPECT_EQ(Route("/api"), 1);
  EXPECT_EQ(Route("/api/"), 0);
  EXPECT_EQ(Route("/api/x"), 0);
  EXPECT_EQ(Route("/files"), 2);
  EXPECT_EQ(Route("/files/"), 3);
  EXPECT_EQ(Route("/files/x"), 3);
}

TEST_F(RoutesTest, EncodedSlashSeparates) {
  Add("/");
  Add("/admin");
  Add("/files/");
  EXPECT_EQ(Route("/admin%2Fusers"), 1);
  EXPECT_EQ(Route("/admin%2f%2Fusers"), 1);
  EXPECT_EQ(Route("/%2Fadmin"), 1);
  EXPECT_EQ(Route("/x%2Fadmin"), 0);
  EXPECT_EQ(Route("/files%2F"), 2);
  EXPECT_EQ(Route("/files"), 0);
  EXPECT_EQ(Route("/x/..%2Fadmin"), -1);
  EXPECT_EQ(Route("/x%2F..%2Fadmin"), -1);
  EXPECT_EQ(Route("/x/y/z%2F."), -1);
  EXPECT_EQ(Route("/x%2F...%2Fadmin"), 0) << "three dots are a name";
}

TEST_F(RoutesTest, TheNearestHostWins) {
  Add("/");
  Add("/", {"app.example"});
  Add("/", {"*.example"});
  Add("/", {"*.app.example", "other.test"});
  Add("/", {"[::1]", "127.0.0.1"});
  EXPECT_EQ(Route("/", "app.example"), 1);
  EXPECT_EQ(Route("/", "b.example"), 2);
  EXPECT_EQ(Route("/", "x.b.example"), 2);
  EXPECT_EQ(Route("/", "x.app.example"), 3);
  EXPECT_EQ(Route("/", "y.x.app.example"), 3);
  EXPECT_EQ(Route("/", "other.test"), 3);
  EXPECT_EQ(Route("/", "[::1]"), 4);
  EXPECT_EQ(Route("/", "127.0.0.1"), 4);
  for (const char* host : {"example", ".example", "app.exampl", "app.examplee", "xapp.example.org",
                           "", "[::2]", "other.tes", "."}) {
    EXPECT_EQ(Route("/", host), 0) << host;
  }
}

TEST_F(RoutesTest, CasePortAndRootDotOfAHostMakeNoDifference) {
  Add("/", {"app.example"});
  Add("/", {"*.example"});
  Add("/", {"[fe80::1]"});
  for (const char* host : {"APP.example", "app.example:8080", "App.Example.", "app.example.:80"}) {
    EXPECT_EQ(Route("/", host), 0) << host;
  }
  EXPECT_EQ(Route("/", "X.EXAMPLE:1"), 1);
  EXPECT_EQ(Route("/", "[FE80::1]:443"), 2);
  EXPECT_EQ(Route("/", "[fe80::2]:443"), -1);
  EXPECT_EQ(Route("/", "[fe80"), -1);
}

TEST_F(RoutesTest, HostWithoutARouteForThePathLeavesItToTheNext) {
  Add("/");
  Add("/api", {"app.example"});
  Add("/static", {"*.example"});
  EXPECT_EQ(Route("/api", "app.example"), 1);
  EXPECT_EQ(Route("/static/x", "app.example"), 2);
  EXPECT_EQ(Route("/x", "app.example"), 0);
}

TEST_F(RoutesTest, TopicsPublishPathsAndDemoWin) {
  Add("/");
  Add("/events/news");
  AddTopic("news", "/events/news");
  AddTopic("room", "/events/rooms/{id}");
  config_->publish = {{.path = "/publish/{topic}", .auth = {}, .topic = {}, .stamp = {}}};
  config_->demo = true;
  EXPECT_EQ(Find("/").action, Action::kDemo);
  EXPECT_EQ(Find("/events/news").action, Action::kTopic);
  EXPECT_EQ(Find("/publish/x").action, Action::kPublish);
  EXPECT_EQ(Find("/events/rooms/1").parameter_count, 1U);
  EXPECT_EQ(Route("/events/news/"), 1) << "a slash makes it another path";
  EXPECT_EQ(Route("/events/news/x"), 1);
  EXPECT_EQ(Route("/events"), 0);
  EXPECT_EQ(Route("/events/rooms/1/x"), 0);
  EXPECT_EQ(Find("/events/rooms/1/x").parameter_count, 0U);
}

TEST_F(RoutesTest, InternalIsHiddenFromClients) {
  Add("/");
  Add("/protected");
  last().internal = true;
  AddTopic("news", "/events/news", true);
  for (const char* path : {"/protected", "/protected/x", "/protected%2Fx", "/events/news"}) {
    const Match outside = Find(path);
    EXPECT_EQ(outside.action, Action::kNone) << path;
    EXPECT_TRUE(outside.internal) << path;
    EXPECT_NE(Find(path, "any.example", Scope::kInternal).action, Action::kNone) << path;
  }
  EXPECT_EQ(Find("/events/news", "", Scope::kInternal).action, Action::kTopic);
  EXPECT_EQ(Find("/protected/x", "", Scope::kInternal).index, 1U);
  EXPECT_EQ(Find("/x", "", Scope::kInternal).index, 0U);
}

TEST_F(RoutesTest, NamedRoutesAreFoundByTheirNames) {
  Add("/");
  Add("");
  last().name = "files";
  last().named = last().internal = true;
  const Router router(config_);
  EXPECT_EQ(router.FindNamed("@files").action, Action::kProxy);
  EXPECT_EQ(router.FindNamed("@files").index, 1U);
  for (const char* name : {"@", "", "files", "@Files", "@/", "@@files"}) {
    EXPECT_EQ(router.FindNamed(name).action, Action::kNone) << name;
  }
  EXPECT_EQ(Route("/files"), 0) << "it has no path";
}

}  // namespace
}  // namespace sluice::routing
