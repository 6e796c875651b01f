#include "server/loop_thread.h"

#include <future>
#include <utility>

#include <pthread.h>

#include "sluice/uv/uv_loop.h"

namespace sluice::server {

LoopThread::LoopThread(std::string name) : name_(std::move(name)) {
  std::promise<void> started;
  thread_ = std::thread([this, &started] { Run([&started] { started.set_value(); }); });
  started.get_future().wait();
}

LoopThread::~LoopThread() {
  Post([this] { loop_->Stop(); });
  thread_.join();
}

void LoopThread::Run(const std::function<void()>& started) {
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  loop_ = uv::MakeLoop();
  network_ = uv::MakeNetwork(*loop_);
  waker_ = loop_->MakeWaker([this] { tasks_->Drain([](std::function<void()>& task) { task(); }); });
  tasks_ = std::make_unique<Inbox<std::function<void()>>>([this] { waker_->Wake(); });
  started();
  loop_->Run();
  waker_.reset();
  network_.reset();
  loop_.reset();
}

void LoopThread::Post(std::function<void()> task) {
  tasks_->Push(std::move(task));
}

void LoopThread::Call(const std::function<void()>& task) {
  std::promise<void> done;
  Post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

}  // namespace sluice::server
