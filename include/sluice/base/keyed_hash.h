// SipHash-2-4 with a key of this process's own: nobody outside can choose inputs that share a
// value. For tables that clients fill. Immutable, any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

class KeyedHash {
 public:
  KeyedHash();  // a random key
  KeyedHash(uint64_t key0, uint64_t key1) : key0_(key0), key1_(key1) {}

  [[nodiscard]] uint64_t operator()(std::string_view bytes) const;

 private:
  uint64_t key0_;
  uint64_t key1_;
};

}  // namespace sluice
