// Fields that are not in a parsed head: names and values, in the order in which they are sent.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace sluice::proxy {

using FieldList = std::vector<std::pair<std::string, std::string>>;

}  // namespace sluice::proxy
