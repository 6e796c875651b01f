// SHA-256, and comparing without telling by time how much was right. Pure functions, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice::jose {

using Digest = std::array<uint8_t, 32>;

[[nodiscard]] Digest Sha256(std::string_view bytes);

// Takes the same time wherever the two differ.
[[nodiscard]] bool ConstantTimeEqual(const Digest& a, const Digest& b);

}  // namespace sluice::jose
