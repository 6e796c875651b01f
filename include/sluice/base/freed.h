// A deleter for std::unique_ptr over what a C library frees with a function of its own:
// std::unique_ptr<SSL, Freed<SSL_free>>. Any thread that the function allows.
#pragma once

namespace sluice {

template <auto kFree>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};

}  // namespace sluice
