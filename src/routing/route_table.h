// Finds routes by host and prefix: see sluice/routing/router.h. Immutable, any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/config/proxy.h"
#include "sluice/http/path.h"

namespace sluice::routing {

// "App.Example.:8080" -> "App.Example"; an IPv6 address keeps its brackets.
[[nodiscard]] std::string_view HostOf(std::string_view authority);

class RouteTable {
 public:
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

  explicit RouteTable(const std::vector<config::Route>& routes);

  // An index in the routes that it was made of, or kNone. Allocates nothing.
  [[nodiscard]] uint32_t Find(std::string_view authority, const http::Path& path) const;

 private:
  // The prefixes of one host, as a tree by segments.
  struct Node {
    std::vector<std::pair<std::string, std::unique_ptr<Node>>> children;  // sorted by segment
    uint32_t here = kNone;   // "/api": this path and all below it
    uint32_t below = kNone;  // "/api/": the same, but for /api itself

    Node& Child(std::string_view segment);
    [[nodiscard]] const Node* Find(std::string_view segment) const;
    // What ends here for a path that goes `on`, or `best` if nothing does.
    [[nodiscard]] uint32_t Best(bool on, uint32_t best) const {
      return on && below != kNone ? below : here != kNone ? here : best;
    }
  };
  // In lower case, sorted by host; of "*.example" it is ".example".
  using Hosts = std::vector<std::pair<std::string, std::unique_ptr<Node>>>;

  static void Add(Node& root, std::string_view path, uint32_t index);
  [[nodiscard]] static uint32_t Longest(const Node& root, const http::Path& path);
  [[nodiscard]] static uint32_t LongestDecoded(const Node& root, const http::Path& path);
  [[nodiscard]] static const Node* FindHost(const Hosts& hosts, std::string_view host);
  static Node& HostNode(Hosts& hosts, std::string_view host);

  Hosts exact_;
  Hosts suffixes_;
  Node any_;
};

}  // namespace sluice::routing
