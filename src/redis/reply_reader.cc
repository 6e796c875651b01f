#include "redis/reply_reader.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <new>
#include <string>
#include <utility>

#include <hiredis/hiredis.h>

namespace sluice::redis {
namespace {

// The same with every hiredis; 0.14 allows no more, later versions have no limit.
constexpr int kMaxDepth = 7;
// An error or status line, or the header of a string, that is longer is not Redis talking.
constexpr size_t kMaxLineBytes = 64UL * 1024;
// A length in decimal and its CRLF.
constexpr size_t kMaxHeaderBytes = 22;

int Depth(const redisReadTask* task) {
  int depth = 0;
  for (; task != nullptr; task = task->parent) ++depth;
  return depth;
}

}  // namespace

// Builds our replies out of redisReader's events. What the functions return is only handed back as
// redisReadTask::obj; null makes redisReader give up. They are called through C, so nothing may
// be thrown: running out of memory ends the process.
struct ReplyReader::Hiredis {
  explicit Hiredis(ReplyReader* owner) : reader(redisReaderCreateWithFunctions(&functions)) {
    if (reader == nullptr) throw std::bad_alloc();
    reader->privdata = owner;
  }
  ~Hiredis() { redisReaderFree(reader); }
  Hiredis(const Hiredis&) = delete;
  Hiredis& operator=(const Hiredis&) = delete;

  static ReplyReader& Owner(const redisReadTask* task) {
    return *static_cast<ReplyReader*>(task->privdata);
  }

  static Reply* Slot(const redisReadTask* task) {
    if (task->parent == nullptr) return &Owner(task).root_;
    return &static_cast<Reply*>(task->parent->obj)->elements[static_cast<size_t>(task->idx)];
  }

  // True if the reply may take so many bytes more.
  static bool Take(const redisReadTask* task, size_t bytes) {
    ReplyReader& owner = Owner(task);
    if (bytes > owner.limits_.reply_bytes - owner.used_bytes_) {
      owner.over_limit_ = true;
      return false;
    }
    owner.used_bytes_ += bytes;
    return true;
  }

  static void* CreateString(const redisReadTask* task, char* data, size_t size) noexcept {
    // hiredis takes any two bytes for the line end behind a string.
    if (data[size] != '\r' || data[size + 1] != '\n') return nullptr;
    ReplyReader& owner = Owner(task);
    Reply reply;
    switch (task->type) {
      case REDIS_REPLY_STRING:
        reply.type = Reply::Type::kString;
        break;
      case REDIS_REPLY_STATUS:
        reply.type = Reply::Type::kStatus;
        break;
      case REDIS_REPLY_ERROR:
        reply.type = Reply::Type::kError;
        break;
      default:
        return nullptr;
    }
    const size_t passed = std::exchange(owner.whole_size_, 0);
    reply.size = passed != 0 ? passed : size;
    if (!Take(task, reply.size)) return nullptr;
    reply.cut = reply.size > owner.limits_.string_bytes;
    if (!reply.cut && size > 0) {
      auto* copy = static_cast<char*>(owner.memory_.allocate(size, 1));
      std::copy_n(data, size, copy);
      reply.text = std::string_view(copy, size);
    }
    Reply* slot = Slot(task);
    *slot = reply;
    return slot;
  }

  // `Count` is int in hiredis 0.14 and size_t later.
  template <class Count>
  static void* CreateArray(const redisReadTask* task, Count count) noexcept {
    if (task->type != REDIS_REPLY_ARRAY || Depth(task) > kMaxDepth) return nullptr;
    const auto size = static_cast<size_t>(count);
    if (size > Owner(task).limits_.reply_bytes / sizeof(Reply)) {
      Owner(task).over_limit_ = true;
      return nullptr;
    }
    if (!Take(task, size * sizeof(Reply))) return nullptr;
    Reply* slot = Slot(task);
    *slot = Reply{};
    slot->type = Reply::Type::kArray;
    if (size > 0) {
      void* memory = Owner(task).memory_.allocate(size * sizeof(Reply), alignof(Reply));
      auto* elements = static_cast<Reply*>(memory);
      std::uninitialized_default_construct_n(elements, size);
      slot->elements = std::span(elements, size);
    }
    return slot;
  }

  static void* CreateInteger(const redisReadTask* task, long long value) noexcept {
    if (task->type != REDIS_REPLY_INTEGER) return nullptr;
    Reply* slot = Slot(task);
    *slot = Reply{};
    slot->type = Reply::Type::kInteger;
    slot->integer = value;
    return slot;
  }

  static void* CreateNil(const redisReadTask* task) noexcept {
    // RESP2's nil is a string or an array without a length; RESP3 has a type for it.
    if (task->type == REDIS_REPLY_NIL) return nullptr;
    Reply* slot = Slot(task);
    *slot = Reply{};
    return slot;
  }

  // hiredis 1.0 and later also reads RESP3, which nobody asked for.
  template <class... Args>
  static void* Refuse(Args...) noexcept {
    return nullptr;
  }
  template <class Functions>
  static void RefuseResp3(Functions& table) {
    if constexpr (requires { table.createDouble; }) table.createDouble = &Refuse;
    if constexpr (requires { table.createBool; }) table.createBool = &Refuse;
  }

  static redisReplyObjectFunctions Functions() {
    redisReplyObjectFunctions table{};
    table.createString = &CreateString;
    table.createArray = &CreateArray;
    table.createInteger = &CreateInteger;
    table.createNil = &CreateNil;
    table.freeObject = [](void*) {};  // the owner's memory is given back as a whole
    RefuseResp3(table);
    return table;
  }

  redisReplyObjectFunctions functions = Functions();
  redisReader* const reader;
};

ReplyReader::ReplyReader(const ReplyLimits& limits)
    : limits_(limits),
      memory_(first_memory_.data(), first_memory_.size()),
      hiredis_(std::make_unique<Hiredis>(this)) {}

ReplyReader::~ReplyReader() = default;

Result<> ReplyReader::Feed(std::string_view bytes) {
  if (redisReaderFeed(hiredis_->reader, bytes.data(), bytes.size()) == REDIS_OK) return {};
  return Fail(Errc::kInvalid, hiredis_->reader->errstr);
}

Result<const Reply*> ReplyReader::Next() {
  if (done_) {
    memory_.release();
    used_bytes_ = 0;
    done_ = false;
  }
  redisReader* reader = hiredis_->reader;
  void* reply = nullptr;
  if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
    if (over_limit_) return TooLarge();
    // Our own refusals come out as "out of memory".
    if (reader->err == REDIS_ERR_OOM) return Fail(Errc::kInvalid, "Protocol error, not RESP2");
    return Fail(Errc::kInvalid, reader->errstr);
  }
  if (reply == nullptr) {
    if (Result<> rest = BoundRest(); !rest) return tl::unexpected<Error>(rest.error());
    return nullptr;
  }
  done_ = true;
  return &root_;
}

Result<> ReplyReader::BoundRest() {
  redisReader* reader = hiredis_->reader;
  const std::string_view rest(reader->buf + reader->pos, reader->len - reader->pos);
  // Only a string waits for more behind a line end; all else is taken with its line.
  const size_t header = rest.substr(0, kMaxHeaderBytes).find("\r\n");
  if (header == std::string_view::npos) {
    if (rest.size() > kMaxLineBytes) return Fail(Errc::kInvalid, "Protocol error, endless line");
    return {};
  }
  uint64_t size = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + header, size);
  if (error != std::errc() || end != rest.data() + header) return {};
  if (size > limits_.reply_bytes - used_bytes_) return TooLarge();
  const size_t here = rest.size() - header - 2;
  if (size <= limits_.string_bytes || here >= size) return {};
  // hiredis would keep all of it until the end. It is told that the string is only what is here
  // already, in the place of the length that it has not used yet.
  whole_size_ = size;
  passing_bytes_ = size - here;
  const std::string shorter = std::to_string(here);
  reader->pos += header - shorter.size();
  std::copy(shorter.begin(), shorter.end(), reader->buf + reader->pos);
  return {};
}

tl::unexpected<Error> ReplyReader::TooLarge() const {
  return Fail(Errc::kLimit, "reply of more than " + std::to_string(limits_.reply_bytes) + " bytes");
}

const char* LibraryVersion() {
#define SLUICE_TEXT(x) #x
#define SLUICE_VERSION_TEXT(a, b, c) SLUICE_TEXT(a) "." SLUICE_TEXT(b) "." SLUICE_TEXT(c)
  return SLUICE_VERSION_TEXT(HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
}

}  // namespace sluice::redis
