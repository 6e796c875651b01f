#include "http/llhttp_machine.h"

#include <llhttp.h>

#include "sluice/http/request_parser.h"

namespace sluice::http {
namespace {

class Machine : public LlhttpMachine {
 public:
  explicit Machine(Kind kind) {
    llhttp_init(&parser_, kind == Kind::kRequest ? HTTP_REQUEST : HTTP_RESPONSE, &Settings());
  }

  void Reset() override {
    llhttp_reset(&parser_);
    head_complete_ = body_begun_ = message_complete_ = refused_ = chunked_ = no_body_ =
        until_close_ = in_trailers_ = false;
    content_length_ = 0;
  }

  void ExpectNoBody() override { no_body_ = true; }

  Ran Run(std::string_view bytes, BodyTaker* taker) override {
    // llhttp reckons with the pointer, and a null one must not be reckoned with.
    if (bytes.data() == nullptr) bytes = "";
    parser_.data = this;
    taker_ = taker;
    if (in_trailers_ && !message_complete_) llhttp_resume(&parser_);
    const llhttp_errno_t error = llhttp_execute(&parser_, bytes.data(), bytes.size());
    taker_ = nullptr;
    if (error == HPE_OK) return {bytes.size(), LlhttpFault::kNone};
    const auto consumed = static_cast<size_t>(llhttp_get_error_pos(&parser_) - bytes.data());
    return {consumed, FaultOf(error)};
  }

  [[nodiscard]] bool head_complete() const override { return head_complete_; }
  [[nodiscard]] bool body_begun() const override { return body_begun_; }
  [[nodiscard]] bool message_complete() const override { return message_complete_; }
  [[nodiscard]] bool in_trailers() const override { return in_trailers_; }
  [[nodiscard]] bool chunked() const override { return chunked_; }
  [[nodiscard]] uint64_t content_length() const override { return content_length_; }
  [[nodiscard]] int status() const override { return parser_.status_code; }
  [[nodiscard]] bool until_close() const override { return until_close_; }
  [[nodiscard]] const char* reason() const override {
    const char* reason = llhttp_get_error_reason(&parser_);
    return reason != nullptr ? reason : "malformed";
  }

 private:
  static Machine& Of(llhttp_t* parser) { return *static_cast<Machine*>(parser->data); }

  static const llhttp_settings_t& Settings() {
    static const llhttp_settings_t kSettings = [] {
      llhttp_settings_t settings;
      llhttp_settings_init(&settings);
      settings.on_method_complete = [](llhttp_t* p) { return Of(p).OnMethod(); };
      settings.on_headers_complete = [](llhttp_t* p) { return Of(p).OnHead(); };
      settings.on_body = [](llhttp_t* p, const char* at, size_t size) {
        return Of(p).OnBody({at, size});
      };
      settings.on_chunk_header = [](llhttp_t* p) { return Of(p).OnChunkHeader(); };
      settings.on_message_complete = [](llhttp_t* p) { return Of(p).OnMessageEnd(); };
      return settings;
    }();
    return kSettings;
  }

  int OnMethod() {
    // CONNECT asks for a tunnel; the others belong to HTTP/2, Icecast and RTSP.
    refused_ = parser_.method == HTTP_CONNECT || parser_.method == HTTP_SOURCE ||
               parser_.method == HTTP_PRI ||
               (parser_.method >= HTTP_DESCRIBE && parser_.method <= HTTP_FLUSH);
    return refused_ ? HPE_USER : HPE_OK;
  }

  int OnHead() {
    head_complete_ = true;
    chunked_ = (parser_.flags & F_CHUNKED) != 0;
    if ((parser_.flags & F_CONTENT_LENGTH) != 0) content_length_ = parser_.content_length;
    // Upgrade is ignored: what follows is HTTP/1.1, whatever the client offered.
    parser_.upgrade = 0;
    if (parser_.type == HTTP_REQUEST) return HPE_OK;
    // llhttp would read a body that the fields of such an answer announce.
    const int status = parser_.status_code;
    if (no_body_ || status < 200 || status == 204 || status == 304) return kSkipBody;
    until_close_ = llhttp_message_needs_eof(&parser_) != 0;
    return HPE_OK;
  }

  int OnBody(std::string_view bytes) {
    body_begun_ = true;
    return taker_ == nullptr || taker_->TakeBody(bytes) ? HPE_OK : HPE_USER;
  }

  int OnChunkHeader() {
    body_begun_ = true;
    if (parser_.content_length != 0) return HPE_OK;
    in_trailers_ = true;
    return HPE_PAUSED;  // leaves the error position right behind the last chunk
  }

  int OnMessageEnd() {
    message_complete_ = true;
    return HPE_PAUSED;  // leaves the error position right behind the message
  }

  [[nodiscard]] LlhttpFault FaultOf(llhttp_errno_t error) const {
    if (error == HPE_PAUSED) return LlhttpFault::kNone;
    if (refused_) return LlhttpFault::kRefused;
    switch (error) {
      case HPE_USER:
        return LlhttpFault::kStopped;
      case HPE_INVALID_METHOD:
        return LlhttpFault::kMethod;
      case HPE_INVALID_VERSION:
      case HPE_INVALID_CONSTANT:
        return LlhttpFault::kVersion;
      default:
        return LlhttpFault::kSyntax;
    }
  }

  static constexpr int kSkipBody = 1;  // what on_headers_complete returns for it

  llhttp_t parser_{};
  BodyTaker* taker_ = nullptr;
  uint64_t content_length_ = 0;
  bool chunked_ = false;
  bool head_complete_ = false;
  bool body_begun_ = false;
  bool message_complete_ = false;
  bool refused_ = false;
  bool no_body_ = false;
  bool until_close_ = false;
  bool in_trailers_ = false;
};

}  // namespace

std::unique_ptr<LlhttpMachine> LlhttpMachine::Make(Kind kind) {
  return std::make_unique<Machine>(kind);
}

#define SLUICE_TEXT_OF(x) #x
#define SLUICE_TEXT(x) SLUICE_TEXT_OF(x)
const char* ParserVersion() {
  return SLUICE_TEXT(LLHTTP_VERSION_MAJOR) "." SLUICE_TEXT(LLHTTP_VERSION_MINOR) "." SLUICE_TEXT(
      LLHTTP_VERSION_PATCH);
}

}  // namespace sluice::http
