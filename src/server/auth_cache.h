// Good answers of auth subrequests, for as long as auth.request.cache says, by a hash of the token.
// Worker-thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "sluice/proxy/field_list.h"

namespace sluice::server {

class AuthCache {
 public:
  // Null if there is none that still holds.
  [[nodiscard]] const proxy::FieldList* Find(uint64_t key, uint64_t now_ms) {
    const auto at = entries_.find(key);
    if (at == entries_.end()) return nullptr;
    if (now_ms < at->second.until_ms) return &at->second.fields;
    entries_.erase(at);
    return nullptr;
  }

  // With kMaxEntries, what is past its time goes; if nothing is, the new one is not kept.
  void Add(uint64_t key, uint64_t now_ms, uint64_t until_ms, proxy::FieldList fields) {
    if (entries_.size() >= kMaxEntries) {
      std::erase_if(entries_, [now_ms](const auto& e) { return e.second.until_ms <= now_ms; });
      if (entries_.size() >= kMaxEntries) return;
    }
    entries_[key] = {until_ms, std::move(fields)};
  }

  void Clear() { entries_.clear(); }

 private:
  static constexpr size_t kMaxEntries = 10'000;

  struct Entry {
    uint64_t until_ms = 0;
    proxy::FieldList fields;
  };
  std::unordered_map<uint64_t, Entry> entries_;
};

}  // namespace sluice::server
