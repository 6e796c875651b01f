// UvBox: the move-only owner of one libuv handle, and the only close path there is. Its destructor
// detaches the owner (handle->data becomes null) and closes; the memory is freed in the close
// callback. So a callback that finds data null returns: its owner is gone. Loop thread only.
#pragma once

#include <memory>
#include <utility>

#include <uv.h>

namespace sluice::uv {

template <class Handle>
class UvBox {
 public:
  // `init` is called with the fresh handle and returns a libuv status. On failure the box is empty.
  template <class Init>
  UvBox(void* owner, Init&& init) : handle_(new Handle) {
    if (init(handle_) != 0) {
      delete handle_;
      handle_ = nullptr;
      return;
    }
    handle_->data = owner;
  }
  UvBox(UvBox&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  UvBox& operator=(UvBox&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~UvBox() { Close(); }

  // What the destructor does, for an owner that must close something else right after.
  void Close() {
    if (handle_ == nullptr) return;
    handle_->data = nullptr;
    uv_close(base(), [](uv_handle_t* closed) { delete reinterpret_cast<Handle*>(closed); });
    handle_ = nullptr;
  }

  [[nodiscard]] Handle* get() const { return handle_; }
  [[nodiscard]] uv_handle_t* base() const { return reinterpret_cast<uv_handle_t*>(handle_); }
  explicit operator bool() const { return handle_ != nullptr; }

 private:
  Handle* handle_;
};

}  // namespace sluice::uv
