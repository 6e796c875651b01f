// Memory of objects that come and go with each request. What one of a class leaves, the next one
// of that class on the same thread gets, without a way through malloc.
//
//   class Call final : public Recycled<Call> { ... };
#pragma once

#include <array>
#include <cstddef>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLUICE_RECYCLED_NOTHING
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SLUICE_RECYCLED_NOTHING
#endif

namespace sluice {

// At most kMost are kept, for as long as the thread lives. T is final. Under AddressSanitizer,
// which is to see what is used after its end, none are.
template <class T, size_t kMost = 128>
class Recycled {
 public:
  static void* operator new(size_t size) {
    Kept& own = g_kept;
    return own.count > 0 ? own.memory[--own.count] : ::operator new(size);
  }
  static void operator delete(void* memory) {
    Kept& own = g_kept;
    if (own.count < kLimit) {
      own.memory[own.count++] = memory;
    } else {
      ::operator delete(memory);
    }
  }

 private:
#ifdef SLUICE_RECYCLED_NOTHING
  static constexpr size_t kLimit = 0;
#else
  static constexpr size_t kLimit = kMost;
#endif

  struct Kept {
    ~Kept() {
      while (count > 0) ::operator delete(memory[--count]);
    }
    std::array<void*, kMost> memory{};
    size_t count = 0;
  };
  static inline thread_local Kept g_kept;
};

}  // namespace sluice
