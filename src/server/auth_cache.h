// Good answers of auth subrequests, for as long as auth.request.cache says. A key is a keyed hash
// of what the answer holds for: no token is kept here, and none can be found by trying.
// Worker-thread only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "sluice/proxy/field_list.h"

namespace sluice::server {

class AuthCache {
 public:
  static constexpr size_t kMaxEntries = 10'000;
  static constexpr size_t kMaxFieldBytes = size_t{8} * 1024 * 1024;  // of all entries

  // Null if there is none that still holds. Valid until the next call.
  [[nodiscard]] const proxy::FieldList* Find(uint64_t key, uint64_t now_ms) {
    const auto at = entries_.find(key);
    if (at == entries_.end()) return nullptr;
    if (now_ms < at->second.until_ms) return &at->second.fields;
    Erase(at);
    return nullptr;
  }

  // When there is no room, what is past its time goes; if nothing is, the new one is not kept.
  void Add(uint64_t key, uint64_t now_ms, uint64_t until_ms, proxy::FieldList fields) {
    if (const auto at = entries_.find(key); at != entries_.end()) Erase(at);
    const size_t bytes = BytesOf(fields);
    if (!HasRoom(bytes)) {
      EraseUntil(now_ms);
      if (!HasRoom(bytes)) return;
    }
    bytes_ += bytes;
    first_end_ms_ = entries_.empty() ? until_ms : std::min(first_end_ms_, until_ms);
    entries_.emplace(key, Entry{until_ms, bytes, std::move(fields)});
  }

  void Clear() {
    entries_.clear();
    bytes_ = 0;
  }
  [[nodiscard]] size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    uint64_t until_ms = 0;
    size_t bytes = 0;
    proxy::FieldList fields;
  };
  using Entries = std::unordered_map<uint64_t, Entry>;

  static size_t BytesOf(const proxy::FieldList& fields) {
    size_t bytes = 0;
    for (const auto& [name, value] : fields)
      bytes += sizeof(fields[0]) + name.size() + value.size();
    return bytes;
  }
  [[nodiscard]] bool HasRoom(size_t bytes) const {
    return entries_.size() < kMaxEntries && bytes_ + bytes <= kMaxFieldBytes;
  }
  void Erase(Entries::iterator at) {
    bytes_ -= at->second.bytes;
    entries_.erase(at);
  }
  // Does not look at the entries as long as none can be past its time.
  void EraseUntil(uint64_t now_ms) {
    if (now_ms < first_end_ms_) return;
    first_end_ms_ = UINT64_MAX;
    for (auto at = entries_.begin(); at != entries_.end();) {
      if (at->second.until_ms > now_ms) {
        first_end_ms_ = std::min(first_end_ms_, at->second.until_ms);
        ++at;
      } else {
        bytes_ -= at->second.bytes;
        at = entries_.erase(at);
      }
    }
  }

  Entries entries_;
  size_t bytes_ = 0;           // of all fields
  uint64_t first_end_ms_ = 0;  // no entry ends before
};

}  // namespace sluice::server
