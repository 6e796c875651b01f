// A Redis that a test plays, over a FakeNetwork: takes connections, reads their commands and
// answers as Redis does, or as the test says. One thread, that of its FakeLoop.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "support/fake_loop.h"
#include "support/fake_network.h"
#include "support/fake_stream.h"

namespace sluice::testing {

class FakeRedis {
 public:
  using Command = std::vector<std::string>;
  // Raw bytes to answer with (none: silence), or nullopt for Redis's own way.
  using Answer = std::function<std::optional<std::string>(const Command& command)>;

  FakeRedis(FakeLoop& loop, FakeNetwork& network);

  // Takes pending connections, runs the loop and answers commands until nothing happens any more.
  // The clock does not move.
  void Serve();
  // Moves the clock in small steps, serving at each.
  void ServeFor(uint64_t ms);

  // How connections end while set: refused, or never answered.
  void RefuseConnects(std::optional<Error> error) { refusal_ = std::move(error); }
  void IgnoreConnects(bool on) { ignore_connects_ = on; }
  // Reads nothing and answers nothing, like a stopped process.
  void Freeze(bool on) { frozen_ = on; }
  // Answers are cut in pieces of this many bytes; 0: whole.
  void Tear(size_t bytes) { tear_ = bytes; }
  void SetAnswer(Answer answer) { answer_ = std::move(answer); }

  // Delivers as PUBLISH does, and says to how many.
  size_t Publish(std::string_view channel, std::string_view payload);
  // Raw bytes to those that have subscribed to something.
  void SendToSubscribers(std::string_view bytes);
  // All connections get FIN, or die.
  void CloseAll();
  void KillAll(int error);

  // Commands that came, oldest first, each joined by spaces.
  [[nodiscard]] std::vector<std::string> TakeCommands();
  [[nodiscard]] bool subscribed(std::string_view channel) const;
  [[nodiscard]] size_t connections() const;  // now
  [[nodiscard]] size_t accepted() const { return accepted_; }
  [[nodiscard]] FakePeer& peer(size_t connection) { return *clients_.at(connection)->peer; }

 private:
  struct Client {
    std::shared_ptr<FakePeer> peer;
    std::string in;
    std::set<std::string, std::less<>> channels;
  };

  [[nodiscard]] bool ServeOnce();
  void Execute(Client& client, const Command& command);
  void Send(Client& client, std::string_view bytes);
  void DropDead();

  FakeLoop& loop_;
  FakeNetwork& network_;
  std::optional<Error> refusal_;
  bool ignore_connects_ = false;
  bool frozen_ = false;
  size_t tear_ = 0;
  size_t accepted_ = 0;
  Answer answer_;
  std::vector<std::shared_ptr<Client>> clients_;
  std::vector<std::string> commands_;
};

// "$5\r\nhello\r\n".
[[nodiscard]] std::string RedisString(std::string_view text);
// A message as a subscriber gets it.
[[nodiscard]] std::string RedisMessage(std::string_view channel, std::string_view payload);

}  // namespace sluice::testing
