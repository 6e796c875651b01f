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

  // `begin` and `end` are offsets into the request's bytes, without the CRLF. False: refused.
  [[nodiscard]] bool ReadRequestLine(uint32_t begin, uint32_t end);
  [[nodiscard]] bool ReadField(uint32_t begin, uint32_t end);
  // At the empty line: what the fields say together.
  [[nodiscard]] bool Finish();

 private:
  // The fields that decide framing and routing.
  struct Seen {
    int hosts = 0;
    int lengths = 0;
    int codings = 0;
    std::string_view host;
    std::string_view coding;
  };

  [[nodiscard]] bool ReadVersion(std::string_view version);
  [[nodiscard]] bool ReadTarget(std::string_view target);
  [[nodiscard]] bool Look(Seen& seen);
  [[nodiscard]] bool CheckHost(const Seen& seen);
  [[nodiscard]] bool CheckFraming(const Seen& seen);
  bool Refuse(int status, std::string_view detail);

  Request& request_;
  RequestError& error_;
};

}  // namespace sluice::http
