// Random numbers for jitter and for names that must not collide. Any thread.
#pragma once

#include <cstdint>
#include <string>

namespace sluice {

// Fast, not for secrets (jitter, balancing): a generator per thread, seeded by the kernel.
[[nodiscard]] uint64_t RandomU64();

// Uniform in [0, bound); 0 when bound is 0.
[[nodiscard]] uint64_t RandomBelow(uint64_t bound);

// `length` characters of [0-9a-z] straight from the kernel.
[[nodiscard]] std::string RandomName(uint32_t length);

}  // namespace sluice
