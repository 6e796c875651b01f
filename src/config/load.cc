#include "sluice/config/load.h"

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "config/read_config.h"
#include "config/reader.h"
#include "config/report.h"
#include "config/yaml.h"

namespace sluice::config {
namespace {

std::optional<std::string> FromEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

// The file's bytes, and one more than is allowed if it is larger.
Result<std::string> ReadFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FailSystem("cannot be opened", errno);
  std::string text(kMaxConfigBytes + 1, '\0');
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

}  // namespace

LoadResult ParseConfig(std::string_view text, const std::string& file_name, const EnvLookup& env) {
  Report report(file_name);
  const std::shared_ptr<const YamlNode> root = ParseYaml(text, report);
  if (root == nullptr) return tl::unexpected(report.Take());
  Reader reader(report, env);
  Config config = ReadConfig(reader, *root);
  if (!report.empty()) return tl::unexpected(report.Take());
  return std::make_shared<const Config>(std::move(config));
}

LoadResult LoadConfig(const std::string& path) {
  const Result<std::string> text = ReadFile(path);
  if (!text) return tl::unexpected(Problems{{path, 0, 0, "", text.error().message}});
  return ParseConfig(*text, path, FromEnvironment);
}

}  // namespace sluice::config
