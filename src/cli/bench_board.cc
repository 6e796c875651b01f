#include "cli/bench_board.h"

#include <cerrno>
#include <new>

#include <sys/mman.h>

namespace sluice::cli::bench {

Result<std::unique_ptr<Board>> Board::Create(size_t processes, size_t events) {
  const size_t size = sizeof(Commands) + alignof(PublisherBoard) + sizeof(PublisherBoard) +
                      processes * (sizeof(SubscriberBoard) + events * sizeof(Number));
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return FailSystem("mmap of the shared counters", errno);

  std::unique_ptr<Board> board(new Board);
  board->memory_ = memory;
  board->size_ = size;
  board->events_ = events;
  void* at = memory;
  size_t left = size;
  board->commands_ = new (at) Commands;
  at = board->commands_ + 1;
  left -= sizeof(Commands);
  at = std::align(alignof(PublisherBoard), sizeof(PublisherBoard), at, left);
  board->publisher_ = new (at) PublisherBoard;
  auto* const subscribers = reinterpret_cast<SubscriberBoard*>(board->publisher_ + 1);
  for (size_t n = 0; n < processes; ++n) new (subscribers + n) SubscriberBoard;
  board->subscribers_ = std::span(subscribers, processes);
  // A new mapping is zero, which is what a Number begins with: the pages stay untouched until used.
  board->receipts_ = reinterpret_cast<Number*>(subscribers + processes);
  return board;
}

Board::~Board() {
  if (memory_ != nullptr) (void)munmap(memory_, size_);
}

}  // namespace sluice::cli::bench
