// Parses the bytes of one connection into replies, with hiredis's redisReader. Strings are copied
// once, into memory that is used again for the next reply; those that are too long go by and are
// held nowhere. Nothing that the other side sends makes it hold more than the limits. Loop-thread
// only.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <memory_resource>
#include <string_view>

#include "redis/reply.h"
#include "sluice/base/result.h"

namespace sluice::redis {

struct ReplyLimits {
  size_t reply_bytes = 65UL * 1024 * 1024;  // one reply: its strings, and what its arrays take here
  size_t string_bytes = 1024UL * 1024;      // longer strings are skipped (Reply::cut)
};

class ReplyReader {
 public:
  explicit ReplyReader(const ReplyLimits& limits);
  ~ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  // Takes the bytes and calls `handle(const Reply&) -> bool` for each reply that they complete;
  // false stops, and the reader must not be used any more. Errors: kInvalid for what is not RESP2,
  // kLimit for a reply over the limits. After an error the reader is of no use either.
  template <class Handle>
  [[nodiscard]] Result<> Read(std::string_view bytes, Handle&& handle) {
    while (!bytes.empty()) {
      const size_t passing = std::min(passing_bytes_, bytes.size());
      bytes.remove_prefix(passing);
      passing_bytes_ -= passing;
      // In small slices: redisReader moves what is left to the front each time it has used 1 KiB.
      const std::string_view slice = bytes.substr(0, kSliceBytes);
      bytes.remove_prefix(slice.size());
      if (Result<> fed = Feed(slice); !fed) return fed;
      while (true) {
        const Result<const Reply*> reply = Next();
        if (!reply) return tl::unexpected<Error>(reply.error());
        if (*reply == nullptr) break;
        if (!handle(**reply)) return {};
      }
    }
    return {};
  }

 private:
  struct Hiredis;

  static constexpr size_t kSliceBytes = 4096;
  static constexpr size_t kFirstBytes = 8192;  // enough for the usual message

  [[nodiscard]] Result<> Feed(std::string_view bytes);
  // The next whole reply; null when more bytes are needed.
  [[nodiscard]] Result<const Reply*> Next();
  // Sees to it that the item that is not whole yet cannot grow without bound.
  [[nodiscard]] Result<> BoundRest();
  [[nodiscard]] tl::unexpected<Error> TooLarge() const;

  const ReplyLimits limits_;
  Reply root_;
  size_t used_bytes_ = 0;     // of the reply being parsed
  size_t passing_bytes_ = 0;  // of a string over the limit: still to come, and not for hiredis
  size_t whole_size_ = 0;     // of that string; 0: there is none
  bool over_limit_ = false;
  bool done_ = false;  // root_ was handed out
  std::array<std::byte, kFirstBytes> first_memory_{};
  std::pmr::monotonic_buffer_resource memory_;
  std::unique_ptr<Hiredis> hiredis_;
};

}  // namespace sluice::redis
