// The pages for people, as the build embeds them from src/server/pages, and how they are answered.
// Any thread.
#pragma once

#include <string>
#include <string_view>

#include "sluice/http/response.h"

namespace sluice::server {

// "{{nonce}}" and "{{data}}" stand where PageResponse and FillPage put something.
extern const std::string_view kDemoPage;
extern const std::string_view kStatusPage;

// The page with `json` as its data: in a script, where nothing in it can end that script.
[[nodiscard]] std::string FillPage(std::string_view page, std::string_view json);

// The page with a Content-Security-Policy that lets its own scripts and styles run, by a nonce that
// is new with each answer, and nothing else; it may talk to its own origin only.
[[nodiscard]] http::Response PageResponse(std::string_view page);

}  // namespace sluice::server
