#include "sluice/base/random.h"

#include <cstddef>
#include <cstdlib>
#include <random>

#include <sys/random.h>

namespace sluice {
namespace {

void FillFromKernel(void* data, size_t size) {
  auto* bytes = static_cast<unsigned char*>(data);
  while (size > 0) {
    const ssize_t n = getrandom(bytes, size, 0);
    if (n < 0) continue;  // EINTR; getrandom has no other failure for small sizes
    bytes += n;
    size -= static_cast<size_t>(n);
  }
}

uint64_t KernelSeed() {
  uint64_t seed = 0;
  FillFromKernel(&seed, sizeof seed);
  return seed;
}

}  // namespace

uint64_t RandomU64() {
  thread_local std::mt19937_64 generator(KernelSeed());
  return generator();
}

uint64_t RandomBelow(uint64_t bound) {
  return bound == 0 ? 0 : RandomU64() % bound;
}

std::string RandomName(uint32_t length) {
  static constexpr char kAlphabet[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string name(length, '\0');
  FillFromKernel(name.data(), name.size());
  for (char& c : name) c = kAlphabet[static_cast<unsigned char>(c) % 36];
  return name;
}

}  // namespace sluice
