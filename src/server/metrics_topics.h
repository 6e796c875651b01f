// The source of the topics with `source: metrics`: gives each its message every interval, whether
// anyone listens or not, so that who comes later gets the last minutes by replay. It costs some
// microseconds. Main thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "server/numbers.h"
#include "server/view.h"
#include "sluice/event/loop.h"
#include "sluice/pubsub/ingest_link.h"

namespace sluice::server {

class MetricsTopics {
 public:
  // `view` is complete, and it and `ingest` outlive this.
  MetricsTopics(event::Loop& loop, const GatewayView& view, pubsub::IngestInbox& ingest);

 private:
  struct Topic {
    uint32_t index;  // in Config::topics
    Totals last;
    std::unique_ptr<event::Timer> timer;
  };

  void Send(Topic& topic);

  const GatewayView& view_;
  pubsub::IngestInbox& ingest_;
  std::vector<std::unique_ptr<Topic>> topics_;
};

}  // namespace sluice::server
