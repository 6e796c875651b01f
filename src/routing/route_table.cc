#include "routing/route_table.h"

#include <algorithm>

namespace sluice::routing {
namespace {

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Order of hosts, whatever their case.
bool Before(std::string_view a, std::string_view b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return static_cast<unsigned char>(Lower(x)) < static_cast<unsigned char>(Lower(y));
  });
}

template <class Entries>
auto LowerBound(Entries& entries, std::string_view host) {
  return std::lower_bound(
      entries.begin(), entries.end(), host,
      [](const auto& entry, std::string_view wanted) { return Before(entry.first, wanted); });
}

}  // namespace

std::string_view HostOf(std::string_view authority) {
  if (authority.starts_with('[')) {
    const size_t end = authority.find(']');
    return authority.substr(0, end == std::string_view::npos ? end : end + 1);
  }
  authority = authority.substr(0, authority.find(':'));
  if (authority.ends_with('.')) authority.remove_suffix(1);
  return authority;
}

RouteTable::RouteTable(const std::vector<config::Route>& routes) {
  for (uint32_t i = 0; i < routes.size(); ++i) {
    const config::Route& route = routes[i];
    if (route.path.empty()) continue;
    if (route.hosts.empty()) Add(any_, route.path, i);
    for (const std::string_view host : route.hosts) {
      const bool wildcard = host.starts_with('*');
      Add(HostNode(wildcard ? suffixes_ : exact_, host.substr(wildcard ? 1 : 0)), route.path, i);
    }
  }
}

uint32_t RouteTable::Find(std::string_view authority, const http::Path& path) const {
  if (!exact_.empty() || !suffixes_.empty()) {
    const std::string_view host = HostOf(authority);
    const Node* node = FindHost(exact_, host);
    uint32_t found = node != nullptr ? Longest(*node, path) : kNone;
    if (found != kNone) return found;
    // The dots from left to right: the longest suffix first.
    for (size_t dot = host.find('.'); dot != std::string_view::npos;
         dot = host.find('.', dot + 1)) {
      node = dot > 0 ? FindHost(suffixes_, host.substr(dot)) : nullptr;
      if (node != nullptr) found = Longest(*node, path);
      if (found != kNone) return found;
    }
  }
  return Longest(any_, path);
}

uint32_t RouteTable::Longest(const Node& root, const http::Path& path) {
  if (path.encoded_slash()) return LongestDecoded(root, path);
  uint32_t best = kNone;
  const Node* node = &root;
  for (size_t depth = 0;; ++depth) {
    const bool ends = depth == path.segment_count();
    best = node->Best(!ends || path.trailing_slash(), best);
    if (ends || node->children.empty()) return best;
    node = node->Find(path.segment(depth));
    if (node == nullptr) return best;
  }
}

// Servers that decode a path before they split it see "/admin%2Fusers" below /admin, so it must
// not go by another route's rules; and what "/open/..%2Fadmin" is for them nobody can say.
uint32_t RouteTable::LongestDecoded(const Node& root, const http::Path& path) {
  uint32_t best = kNone;
  const Node* node = &root;
  std::string_view rest = path.text();
  while (true) {
    const size_t begin = rest.find_first_not_of('/');
    const bool ends = begin == std::string_view::npos;
    const bool slash = path.trailing_slash() || !rest.empty();
    if (node != nullptr) best = node->Best(!ends || slash, best);
    if (ends) return best;
    rest.remove_prefix(begin);
    const std::string_view segment = rest.substr(0, rest.find('/'));
    if (segment == "." || segment == "..") return kNone;
    rest.remove_prefix(segment.size());
    if (node != nullptr) node = node->Find(segment);
  }
}

void RouteTable::Add(Node& root, std::string_view path, uint32_t index) {
  Node* node = &root;
  const bool below = path.size() > 1 && path.ends_with('/');
  while (!path.empty()) {
    path.remove_prefix(1);  // '/'
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    if (!segment.empty()) node = &node->Child(segment);
  }
  (below ? node->below : node->here) = index;
}

RouteTable::Node& RouteTable::Node::Child(std::string_view segment) {
  auto at = std::lower_bound(
      children.begin(), children.end(), segment,
      [](const auto& child, std::string_view wanted) { return child.first < wanted; });
  if (at == children.end() || at->first != segment) {
    at = children.emplace(at, std::string(segment), std::make_unique<Node>());
  }
  return *at->second;
}

const RouteTable::Node* RouteTable::Node::Find(std::string_view segment) const {
  const auto at = std::lower_bound(
      children.begin(), children.end(), segment,
      [](const auto& child, std::string_view wanted) { return child.first < wanted; });
  return at != children.end() && at->first == segment ? at->second.get() : nullptr;
}

const RouteTable::Node* RouteTable::FindHost(const Hosts& hosts, std::string_view host) {
  const auto at = LowerBound(hosts, host);
  return at != hosts.end() && !Before(host, at->first) ? at->second.get() : nullptr;
}

RouteTable::Node& RouteTable::HostNode(Hosts& hosts, std::string_view host) {
  auto at = LowerBound(hosts, host);
  if (at == hosts.end() || at->first != host) {
    at = hosts.emplace(at, std::string(host), std::make_unique<Node>());
  }
  return *at->second;
}

}  // namespace sluice::routing
