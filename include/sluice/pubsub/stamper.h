// Sets members of a JSON object before it is published (config: publish[].stamp), so that a message
// has its time and a number whoever sent it. Everything else stays as it was, byte for byte. One
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/result.h"
#include "sluice/config/config.h"

namespace sluice::pubsub {

class JsonReader;

class Stamper {
 public:
  Stamper();
  ~Stamper();
  Stamper(const Stamper&) = delete;
  Stamper& operator=(const Stamper&) = delete;

  // `body` with the members of `stamps`, whose values are made of the Unix time `wall_ms`. A member
  // that is there already gets the new value in its place; the others come first. Fails (kInvalid)
  // if the body is not one JSON object, or has one of the members twice.
  [[nodiscard]] Result<std::string> Stamp(const std::vector<config::Stamp>& stamps,
                                          std::string_view body, uint64_t wall_ms);

 private:
  std::unique_ptr<JsonReader> reader_;
};

}  // namespace sluice::pubsub
