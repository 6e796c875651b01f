#include "config/read_file.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace sluice::config {

Result<std::string> ReadFile(const std::string& path, size_t max_bytes) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FailSystem("cannot be opened", errno);
  std::string text(max_bytes + 1, '\0');
  size_t size = 0;
  ssize_t got = 1;
  while (size < text.size() && got != 0) {
    got = read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    size += static_cast<size_t>(got);
  }
  const int error = got < 0 ? errno : 0;
  close(fd);
  if (error != 0) return FailSystem("cannot be read", error);
  text.resize(size);
  return text;
}

}  // namespace sluice::config
