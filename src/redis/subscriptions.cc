#include "redis/subscriptions.h"

#include <utility>

namespace sluice::redis {

bool Subscriptions::Want(std::string_view name) {
  auto found = channels_.find(name);
  if (found == channels_.end()) {
    found = channels_.try_emplace(std::string(name)).first;
    found->second.name = found->first;
  }
  Channel& channel = found->second;
  if (channel.want != 0) return false;
  channel.want = ++wants_;
  channel.acknowledged = false;
  ++wanted_;
  if (connected_) Enqueue(channel);
  return true;
}

bool Subscriptions::Unwant(std::string_view name) {
  const auto found = channels_.find(name);
  if (found == channels_.end() || found->second.want == 0) return false;
  Channel& channel = found->second;
  channel.want = 0;
  channel.acknowledged = false;
  --wanted_;
  if (connected_ && channel.sent != 0) Enqueue(channel);
  Settle(channel);
  return true;
}

void Subscriptions::Begin(std::string_view last) {
  connected_ = true;
  Channel* last_channel = nullptr;
  for (auto& [name, channel] : channels_) {
    if (name == last) {
      last_channel = &channel;
    } else {
      Enqueue(channel);
    }
  }
  if (last_channel != nullptr) Enqueue(*last_channel);
}

void Subscriptions::Lost() {
  connected_ = false;
  queue_.clear();
  in_flight_.clear();
  for (auto entry = channels_.begin(); entry != channels_.end();) {
    Channel& channel = entry->second;
    channel.sent = 0;
    channel.acknowledged = channel.queued = false;
    channel.in_flight = 0;
    entry = channel.want == 0 ? channels_.erase(entry) : std::next(entry);
  }
}

Subscriptions::Command Subscriptions::Next() {
  while (!queue_.empty()) {
    Channel& channel = *queue_.front();
    queue_.pop_front();
    channel.queued = false;
    if (channel.want == channel.sent) {
      Settle(channel);
      continue;
    }
    channel.sent = channel.want;
    ++channel.in_flight;
    in_flight_.push_back({&channel, channel.want});
    return {&channel, channel.want != 0};
  }
  return {};
}

Subscriptions::Answer Subscriptions::Acknowledge(bool subscribe, std::string_view name) {
  if (in_flight_.empty()) return {};
  const Sent& oldest = in_flight_.front();
  if ((oldest.want != 0) != subscribe || oldest.channel->name != name) return {};
  const Sent sent = TakeOldest();
  Channel& channel = *sent.channel;
  if (sent.want != 0 && sent.want == channel.want) {
    channel.acknowledged = true;
    return {Meaning::kSubscribed, &channel};
  }
  Settle(channel);
  return {Meaning::kStale, nullptr};
}

Subscriptions::Answer Subscriptions::Refuse() {
  if (in_flight_.empty()) return {};
  const Sent sent = TakeOldest();
  Channel& channel = *sent.channel;
  // Whatever was wanted, the connection's state did not change; a later command decides if one is
  // under way.
  if (channel.in_flight == 0 && sent.want != 0) channel.sent = 0;
  if (sent.want != 0 && sent.want == channel.want) return {Meaning::kRefused, &channel};
  Settle(channel);
  return {Meaning::kStale, nullptr};
}

const Subscriptions::Channel* Subscriptions::FindLive(std::string_view name) const {
  const auto found = channels_.find(name);
  return found == channels_.end() || !found->second.acknowledged ? nullptr : &found->second;
}

void Subscriptions::Enqueue(Channel& channel) {
  if (std::exchange(channel.queued, true)) return;
  queue_.push_back(&channel);
}

Subscriptions::Sent Subscriptions::TakeOldest() {
  const Sent sent = in_flight_.front();
  in_flight_.pop_front();
  --sent.channel->in_flight;
  return sent;
}

void Subscriptions::Settle(Channel& channel) {
  if (channel.want != 0 || channel.queued || channel.in_flight != 0) return;
  channels_.erase(channels_.find(channel.name));
}

}  // namespace sluice::redis
