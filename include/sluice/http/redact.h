// Takes what must stay secret out of a URL before a log sees it. Any thread, once it has its names.
//
//   /events/a?token=abc&type=x            ->  /events/a?token=***&type=x
//   https://u:p@h/?%74oken=abc            ->  https://***@h/?%74oken=***
//   /login#access_token=abc               ->  /login#access_token=***
//   /login?to=https%3A%2F%2Fh%3Fkey%3Dabc ->  /login?to=https***
//
// A value is secret if its parameter's decoded name is: the whole of it, or a part in brackets
// ("user[password]"), whatever its case, '-' and '_'. All else is kept byte for byte. It takes out
// too much rather than too little: names are found behind '/' and ';' as well, and within values
// that are URLs themselves, encoded up to three times.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::http {

class Redactor {
 public:
  // token, access_token, id_token, refresh_token, jwt, key, api_key, secret, password, auth,
  // authorization, session, sig and signature are secret in any case.
  Redactor();

  // From now on this name is secret too.
  void AddName(std::string_view name);

  // Appends `url`, a request target or any URL, redacted.
  void Append(std::string& out, std::string_view url) const;

 private:
  // Each returns whether it took anything out.
  bool Append(std::string& out, std::string_view url, int depth) const;
  bool AppendUserinfo(std::string& out, std::string_view& rest) const;
  bool AppendPair(std::string& out, std::string_view pair, int depth) const;
  [[nodiscard]] bool HoldsSecret(std::string_view value, int depth) const;
  [[nodiscard]] bool IsSecret(std::string_view left) const;
  [[nodiscard]] bool IsListed(std::string_view name) const;

  std::vector<std::string> names_;  // in their plain form
};

}  // namespace sluice::http
