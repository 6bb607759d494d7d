#pragma once

#include <troupe/destination.hpp>
#include <troupe/wait.hpp>

#include <concepts>

// `offsetof` is used on classes that hold any value. Both compilers define it for every class
// without virtual bases; the language promises it for standard layout only, which is what they warn
// about.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"

namespace troupe {

/// A message type that is answered: it names the type of its reply, `using reply = int;`.
template <class T>
concept request_message = requires { typename T::reply; };

namespace internal {

class engine;

// What every process understands, whatever it lists or receives: see sys.hpp.
template <class T>
concept system_request = requires { typename T::for_every_process; };

// Takes the node over in any case. False if a full mailbox refused it. The first two are for the
// running process.
bool send(pid to, message_node* node) noexcept;
bool send(const destination& to, message_node* node) noexcept;
bool send_from(engine& home, const destination& to, message_node* node) noexcept;

struct request_header {
  engine* home = nullptr;
  pid reply_to;  // none once it is answered
  std::uint64_t ref = 0;
  steady_time deadline = steady_time::max();
};
struct reply_header {
  std::uint64_t ref = 0;
};
struct nothing {};
template <class R>
using reply_value = std::conditional_t<std::is_void_v<R>, nothing, R>;

template <class R>
struct reply_payload {
  reply_header header;
  R value;
  static constexpr void message_form(message_type& type) {
    type.kind = message_kind::reply;
    type.value = &type_of<R>;
    type.value_offset = static_cast<std::uint32_t>(offsetof(reply_payload, value));
  }
};
template <request_message T>
using reply_payload_of = reply_payload<reply_value<typename T::reply>>;
// In the place of a reply: why there is none.
struct failed_reply {
  reply_header header;
  exit_reason value;
  static constexpr void message_form(message_type& type) {
    type.kind = message_kind::reply;
    type.value = &type_of<exit_reason>;
    type.value_offset = static_cast<std::uint32_t>(offsetof(failed_reply, value));
  }
};

// Sends the answer and marks the request answered. A second answer is an error of the program.
void send_reply(request_header& request, message_node* reply);
void send_failure(request_header& request, const exit_reason& reason) noexcept;
// The request died unanswered in its handler: the caller is told `no_reply`, or the reason of the
// process if that is what ends.
void abandon(request_header& request) noexcept;

template <class R, class... Value>
void answer(request_header& request, Value&&... value) {
  send_reply(request, make_node<reply_payload<R>>(reply_header{request.ref},
                                                  R(std::forward<Value>(value)...)));
}

}  // namespace internal

/// A request on its way to an answer: the message and the address that waits. Move it to answer
/// later; one that is destroyed unanswered tells its caller so. Use it in one process at a time.
template <class T>
class [[nodiscard]] request {
 public:
  using reply_type = typename T::reply;
  using answered_by = internal::reply_payload_of<T>;  // for `internal::mention`

  request() = default;
  request(const internal::request_header& header, T body)
      : header_(header), body_(std::move(body)) {}
  request(request&& other) noexcept : header_(other.header_), body_(std::move(other.body_)) {
    other.header_.reply_to = {};
  }
  request& operator=(request&& other) noexcept {
    std::swap(header_, other.header_);
    std::swap(body_, other.body_);
    return *this;
  }
  ~request() {
    if (header_.reply_to) internal::abandon(header_);
  }

  [[nodiscard]] T& operator*() noexcept { return body_; }
  [[nodiscard]] T* operator->() noexcept { return &body_; }
  /// Who waits for the answer.
  [[nodiscard]] pid from() const noexcept { return header_.reply_to; }
  /// The caller waits until then at least; with the real clock perhaps 1/20 s longer.
  [[nodiscard]] steady_time deadline() const noexcept { return header_.deadline; }

  /// Answers. Throws std::logic_error if it was answered before.
  template <class... Args>
    requires(sizeof...(Args) <= 1)
  void reply(Args&&... value) {
    using result = internal::reply_value<reply_type>;
    constexpr bool fits = std::is_constructible_v<result, Args&&...>;
    static_assert(fits, "this value is not of the request's reply type");
    if constexpr (fits) internal::answer<result>(header_, std::forward<Args>(value)...);
  }
  /// Ends the call with a reason in the place of an answer.
  void fail(const exit_reason& reason) { internal::send_failure(header_, reason); }

  static constexpr void message_form(message_type& type) {
    type.kind = message_kind::request;
    type.value = &type_of<T>;
    type.value_offset = static_cast<std::uint32_t>(offsetof(request, body_));
    type.for_every_process = internal::system_request<T>;
  }

 private:
  internal::request_header header_;
  T body_;
};

/// An answer or the reason why there is none: what `try_call` gives.
template <class R>
class [[nodiscard]] result {
 public:
  explicit result(internal::message_node* reply) : reply_(reply) {}
  [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }
  [[nodiscard]] bool has_value() const noexcept { return reply_.get_if<payload>() != nullptr; }
  /// The answer. Only if there is one.
  [[nodiscard]] internal::reply_value<R>& operator*() noexcept {
    return reply_.get_if<payload>()->value;
  }
  [[nodiscard]] internal::reply_value<R>* operator->() noexcept { return &**this; }
  /// Why there is none. Only if there is none.
  [[nodiscard]] const exit_reason& reason() const noexcept {
    return reply_.get_if<internal::failed_reply>()->value;
  }

 private:
  using payload = internal::reply_payload<internal::reply_value<R>>;
  message reply_;
};

namespace internal {

// Sends the request from the running process; the reply arrives in `slot`.
template <class T>
message_node* make_request(reply_slot& slot, T body, const request_header& header) {
  check_sendable<T>();
  mention<reply_payload_of<T>>();
  request_header numbered = header;
  numbered.ref = slot.ref;
  return make_node<request<T>>(numbered, std::move(body));
}
// The header of a call that the running process makes now: its address and the deadline, which is
// never later than that of the request it is serving.
[[nodiscard]] request_header call_header(std::chrono::nanoseconds timeout);
// Until when its caller waits.
[[nodiscard]] steady_time give_up_time(const request_header& sent,
                                       std::chrono::nanoseconds timeout);
// Sends it from the running process. Who waits for the reply at once waits in vain if it asks
// itself: that fails here.
void send_call(reply_slot& slot, const destination& to, message_node* request, bool waits_at_once);
// The reply in the slot; in the place of none, or of one of another type, a failed_reply that says
// so.
[[nodiscard]] message_node* take_reply(reply_slot& slot, const message_type& wanted);
[[noreturn]] void throw_call_error(std::string_view request, const destination& to,
                                   const message& failed);

}  // namespace internal
}  // namespace troupe

#pragma GCC diagnostic pop
