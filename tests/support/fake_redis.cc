#include "support/fake_redis.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace sluice::testing {
namespace {

// Takes one whole command off `in`; nullopt if it is not whole.
std::optional<FakeRedis::Command> TakeCommand(std::string& in) {
  size_t at = 0;
  const auto number = [&](char type) -> std::optional<size_t> {
    const size_t end = in.find("\r\n", at);
    if (end == std::string::npos || in[at] != type) return std::nullopt;
    size_t value = 0;
    std::from_chars(in.data() + at + 1, in.data() + end, value);
    at = end + 2;
    return value;
  };
  const auto words = number('*');
  if (!words) return std::nullopt;
  FakeRedis::Command command;
  for (size_t i = 0; i < *words; ++i) {
    const auto size = number('$');
    if (!size || in.size() < at + *size + 2) return std::nullopt;
    command.push_back(in.substr(at, *size));
    at += *size + 2;
  }
  in.erase(0, at);
  return command;
}

std::string Ack(std::string_view kind, std::string_view channel, size_t count) {
  return "*3\r\n" + RedisString(kind) + RedisString(channel) + ":" + std::to_string(count) + "\r\n";
}

}  // namespace

std::string RedisString(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

std::string RedisMessage(std::string_view channel, std::string_view payload) {
  return "*3\r\n" + RedisString("message") + RedisString(channel) + RedisString(payload);
}

FakeRedis::FakeRedis(FakeLoop& loop, FakeNetwork& network) : loop_(loop), network_(network) {}

void FakeRedis::Serve() {
  do {
    loop_.Turn();
  } while (ServeOnce());
}

void FakeRedis::ServeFor(uint64_t ms) {
  constexpr uint64_t kStepMs = 10;
  for (; ms > kStepMs; ms -= kStepMs) {
    loop_.Advance(kStepMs);
    Serve();
  }
  loop_.Advance(ms);
  Serve();
}

bool FakeRedis::ServeOnce() {
  bool busy = false;
  while (!ignore_connects_ && network_.pending_connects() > 0) {
    busy = true;
    if (refusal_) {
      network_.FailConnect(*refusal_);
      continue;
    }
    auto client = std::make_shared<Client>();
    client->peer = network_.CompleteConnect();
    clients_.push_back(std::move(client));
    ++accepted_;
  }
  DropDead();
  if (frozen_) return busy;
  for (const auto& client : std::vector(clients_)) {
    client->in += client->peer->TakeWritten();
    while (auto command = TakeCommand(client->in)) {
      busy = true;
      Execute(*client, *command);
    }
  }
  return busy;
}

void FakeRedis::Execute(Client& client, const Command& command) {
  std::string joined;
  for (const std::string& word : command) joined += (joined.empty() ? "" : " ") + word;
  commands_.push_back(std::move(joined));
  if (answer_) {
    if (const auto answer = answer_(command)) return Send(client, *answer);
  }
  const std::string& name = command.at(0);
  if (name == "SUBSCRIBE") {
    client.channels.insert(command.at(1));
    Send(client, Ack("subscribe", command[1], client.channels.size()));
  } else if (name == "UNSUBSCRIBE") {
    client.channels.erase(command.at(1));
    Send(client, Ack("unsubscribe", command[1], client.channels.size()));
  } else if (name == "PUBLISH") {
    const size_t receivers = Publish(command.at(1), command.at(2));
    Send(client, ":" + std::to_string(receivers) + "\r\n");
  } else {
    Send(client, "+OK\r\n");
  }
}

void FakeRedis::Send(Client& client, std::string_view bytes) {
  const size_t step = tear_ == 0 ? bytes.size() : tear_;
  while (!bytes.empty() && !client.peer->destroyed()) {
    client.peer->Deliver(bytes.substr(0, step));
    bytes.remove_prefix(std::min(step, bytes.size()));
  }
}

size_t FakeRedis::Publish(std::string_view channel, std::string_view payload) {
  size_t receivers = 0;
  for (const auto& client : std::vector(clients_)) {
    if (client->channels.count(channel) == 0) continue;
    ++receivers;
    Send(*client, RedisMessage(channel, payload));
  }
  return receivers;
}

void FakeRedis::SendToSubscribers(std::string_view bytes) {
  for (const auto& client : std::vector(clients_)) {
    if (!client->channels.empty()) Send(*client, bytes);
  }
}

void FakeRedis::CloseAll() {
  for (const auto& client : std::exchange(clients_, {})) client->peer->DeliverEnd();
}

void FakeRedis::KillAll(int error) {
  for (const auto& client : std::exchange(clients_, {})) client->peer->Kill(error);
}

std::vector<std::string> FakeRedis::TakeCommands() {
  return std::exchange(commands_, {});
}

bool FakeRedis::subscribed(std::string_view channel) const {
  for (const auto& client : clients_) {
    if (!client->peer->destroyed() && client->channels.count(channel) != 0) return true;
  }
  return false;
}

size_t FakeRedis::connections() const {
  size_t count = 0;
  for (const auto& client : clients_) {
    if (!client->peer->destroyed()) ++count;
  }
  return count;
}

void FakeRedis::DropDead() {
  std::erase_if(clients_, [](const auto& client) { return client->peer->destroyed(); });
}

}  // namespace sluice::testing
