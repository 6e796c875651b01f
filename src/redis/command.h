// Writes Redis commands. Any thread.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace sluice::redis {

// Appends the command to `out`. Words may hold any bytes.
void AppendCommand(std::string& out, std::initializer_list<std::string_view> words);

}  // namespace sluice::redis
