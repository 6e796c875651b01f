// Things that only one entry may have: paths, channels, addresses.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "config/reader.h"

namespace sluice::config {

class Claims {
 public:
  // Fails if another value has `thing` already: "WHAT of topics.a.path on line 3".
  void Claim(Reader& reader, const Value& value, const std::string& thing, std::string_view what);

 private:
  struct Owner {
    std::string path;
    uint32_t line;
  };
  std::map<std::string, Owner> owners_;
};

}  // namespace sluice::config
