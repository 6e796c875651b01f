#include "sluice/config/load.h"

#include <cstdlib>
#include <memory>

#include "config/read_config.h"
#include "config/read_file.h"
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
  const Result<std::string> text = ReadFile(path, kMaxConfigBytes);
  if (!text) return tl::unexpected(Problems{{path, 0, 0, "", text.error().message}});
  return ParseConfig(*text, path, FromEnvironment);
}

}  // namespace sluice::config
