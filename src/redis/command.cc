#include "redis/command.h"

#include <array>
#include <cassert>
#include <cstddef>
#include <new>

#include <hiredis/hiredis.h>

namespace sluice::redis {

void AppendCommand(std::string& out, std::initializer_list<std::string_view> words) {
  constexpr size_t kMaxWords = 8;
  assert(words.size() <= kMaxWords);
  std::array<const char*, kMaxWords> data{};
  std::array<size_t, kMaxWords> sizes{};
  size_t count = 0;
  for (const std::string_view word : words) {
    data[count] = word.empty() ? "" : word.data();
    sizes[count++] = word.size();
  }
  char* command = nullptr;
  const auto size =
      redisFormatCommandArgv(&command, static_cast<int>(count), data.data(), sizes.data());
  if (size < 0) throw std::bad_alloc();
  out.append(command, static_cast<size_t>(size));
  redisFreeCommand(command);
}

}  // namespace sluice::redis
