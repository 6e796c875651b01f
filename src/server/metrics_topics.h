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

  // After a reload, when the view's generation is the new one.
  void Update();

 private:
  struct Topic {
    pubsub::TopicEntryPtr entry;
    Totals last;
    std::unique_ptr<event::Timer> timer;
  };

  void Send(Topic& topic);

  event::Loop& loop_;
  const GatewayView& view_;
  pubsub::IngestInbox& ingest_;
  std::vector<std::unique_ptr<Topic>> topics_;
};

}  // namespace sluice::server
