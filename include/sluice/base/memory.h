// Memory that is given back. Any thread.
#pragma once

#include <string>

namespace sluice {

// Empties the text and frees its memory. Assigning an empty one does not: libstdc++ keeps the
// memory for what may come.
inline void Release(std::string& text) {
  std::string().swap(text);
}

}  // namespace sluice
