// Turns the lines of a request's head into a Request, and refuses what llhttp lets pass and two
// servers could read in two ways. Each line has passed llhttp before it comes here, except the
// empty one. Loop-thread only.
#pragma once

#include <cstdint>
#include <string_view>

#include "sluice/http/request.h"
#include "sluice/http/request_parser.h"

namespace sluice::http {

class HeadReader {
 public:
  // Works on `request`, whose bytes_ hold the lines; a refusal goes to `error`.
  HeadReader(Request& request, RequestError& error) : request_(request), error_(error) {}

  // `line` lies in the request's bytes and is without its CRLF. False: refused.
  [[nodiscard]] bool ReadRequestLine(std::string_view line);
  [[nodiscard]] bool ReadField(std::string_view line);
  // At the empty line: what the fields say together.
  [[nodiscard]] bool Finish();

 private:
  [[nodiscard]] bool ReadVersion(std::string_view version);
  [[nodiscard]] bool ReadTarget(std::string_view target);
  [[nodiscard]] bool CheckExpect();
  [[nodiscard]] bool CheckHost();
  [[nodiscard]] bool CheckFraming();
  bool Refuse(int status, std::string_view detail);

  Request& request_;
  RequestError& error_;
};

}  // namespace sluice::http
