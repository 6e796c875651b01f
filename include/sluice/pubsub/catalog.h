// The topics of one configuration, as the pub/sub core sees them. A reload makes a new catalog,
// which the ingest thread gets first and the workers after it; what did not change is the same
// entry in both. Immutable, any thread, but for the counters (see pubsub/stats.h).
#pragma once

#include <memory>
#include <string_view>

#include "sluice/config/config.h"
#include "sluice/pubsub/stats.h"

namespace sluice::pubsub {

// One entry of `topics:`.
struct TopicEntry {
  config::Topic config;
  TopicCounters& counters;  // of that name, in this and all other catalogs
};
using TopicEntryPtr = std::shared_ptr<const TopicEntry>;

class Catalog {
 public:
  virtual ~Catalog() = default;
  // The entry that a channel belongs to; null: nobody's.
  [[nodiscard]] virtual TopicEntryPtr Find(std::string_view channel) const = 0;
  [[nodiscard]] virtual const config::Limits& limits() const = 0;
};
using CatalogPtr = std::shared_ptr<const Catalog>;

// What a change of an entry means for what is there of it.
enum class TopicChange : uint8_t {
  kNone,
  kSettings,  // applies at once; streams, history and ids stay
  kAccess,    // streams end, since nobody knows whether they still may; history and ids stay
  kIdentity,  // other events than before: streams end, and the channel begins anew
};
// A null `after`: it is gone.
[[nodiscard]] TopicChange ChangeOf(const TopicEntryPtr& before, const TopicEntryPtr& after);
[[nodiscard]] TopicChange ChangeOf(const config::Topic& before, const config::Topic& after);

}  // namespace sluice::pubsub
