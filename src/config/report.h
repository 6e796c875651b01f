// Collects what is wrong with a configuration, and quotes what stands in it safely.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/config/load.h"

namespace sluice::config {

// A place in the file, from 1; line 0: the file as a whole.
struct Mark {
  uint32_t line = 0;
  uint32_t column = 0;
};

class Report {
 public:
  explicit Report(std::string file) : file_(std::move(file)) {}

  void Add(Mark mark, std::string_view key, std::string message);
  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] bool empty() const { return problems_.empty(); }
  // In the order of the file.
  [[nodiscard]] Problems Take();

 private:
  std::string file_;
  Problems problems_;
};

// `text` as it can stand in a message: shortened, control bytes escaped, and without the user and
// password of a URL.
[[nodiscard]] std::string Printable(std::string_view text);
// The same in quotes.
[[nodiscard]] std::string Quote(std::string_view text);

// `; did you mean "x"?` for the candidate within two edits of `text` and nearest to it, else "".
[[nodiscard]] std::string DidYouMean(std::string_view text,
                                     const std::vector<std::string_view>& candidates);

}  // namespace sluice::config
