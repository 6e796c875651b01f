// Reads `topics` and `publish`, and checks what must hold among them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/reader.h"
#include "sluice/config/config.h"

namespace sluice::config {

// Things that only one entry may have: paths, channels, addresses.
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

// `paths` are those of both, since a path leads to one place. REQUIRES: `config.auth` was read.
void ReadTopics(Reader& reader, const Value& topics, Claims& paths, Claims& channels,
                Config& config);
void ReadPublish(Reader& reader, const Value& publish, Claims& paths, Config& config);

// What `demo: true` serves beside its page: a topic with the gateway's own numbers. `demo` is the
// value that asks for it; fails there if the configuration has one of the topic's names already.
void AddDemoTopic(Reader& reader, const Value& demo, Claims& paths, Claims& channels,
                  std::vector<Topic>& out);

}  // namespace sluice::config
