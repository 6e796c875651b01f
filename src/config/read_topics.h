// Reads `topics`, and checks what must hold among them.
#pragma once

#include <vector>

#include "config/claims.h"
#include "config/reader.h"
#include "sluice/config/config.h"

namespace sluice::config {

// `paths` are those of publish paths, too. REQUIRES: `config.auth` and `config.upstreams` were
// read.
void ReadTopics(Reader& reader, const Value& topics, Claims& paths, Claims& channels,
                Config& config);

// What `demo: true` serves beside its page: a topic with the gateway's own numbers. `demo` is the
// value that asks for it; fails there if the configuration has one of the topic's names already.
void AddDemoTopic(Reader& reader, const Value& demo, Claims& paths, Claims& channels,
                  std::vector<Topic>& out);

}  // namespace sluice::config
