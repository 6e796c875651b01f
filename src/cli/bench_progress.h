// One line on the terminal that says how far a run is; silent when standard error is not one.
// One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::cli::bench {

class Progress {
 public:
  explicit Progress(bool quiet);
  ~Progress();  // wipes the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Shows `done` of `all` as a bar; at most ten times a second.
  void Show(std::string_view phase, double done, double all, std::string_view detail);

 private:
  bool enabled_;
  bool shown_ = false;
  uint64_t next_ns_ = 0;
};

}  // namespace sluice::cli::bench
