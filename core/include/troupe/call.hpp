#pragma once

#include <troupe/request.hpp>

namespace troupe {

/// How long a call waits unless told otherwise: OTP's gen_server:call. The limit of a call is never
/// over early; one of a second or more may be over 1/20 s late.
inline constexpr std::chrono::seconds default_call_timeout{5};

/// A request that was sent and whose reply is awaited later: `auto a = self.send_request(p, q{});`
/// then `co_await a`. Several can be under way at once. (OTP: gen_server:send_request.)
/// Belongs to the process that made it; dropping it drops the reply.
template <request_message T>
class [[nodiscard]] pending_reply {
 public:
  pending_reply(const destination& to, T body, std::chrono::nanoseconds timeout) {
    const auto header = internal::call_header(timeout);
    give_up_ = internal::give_up_time(header, timeout);
    internal::send_call(slot_, to, internal::make_request(slot_, std::move(body), header), false);
  }

  struct awaiter : internal::reply_wait {
    explicit awaiter(pending_reply& owner) : reply_wait(owner.slot_), pending(owner) {}
    [[nodiscard]] bool await_ready() { return ready(); }
    void await_suspend(std::coroutine_handle<> leaf) {
      arm_until(pending.give_up_);
      suspend(leaf);
    }
    result<typename T::reply> await_resume() {
      return result<typename T::reply>(
          internal::take_reply(pending.slot_, message_type_of<internal::reply_payload_of<T>>));
    }
    pending_reply& pending;
  };
  /// Waits for the reply until the deadline that the request was sent with.
  [[nodiscard]] awaiter operator co_await() noexcept { return awaiter(*this); }

 private:
  internal::reply_slot slot_;
  steady_time give_up_;
};

namespace internal {

// One awaitable for `call` and `try_call`; they differ in what they do without an answer.
template <class T, bool Throws>
class [[nodiscard("co_await it")]] call_awaiter {
 public:
  using reply = typename T::reply;
  call_awaiter(destination to, T body, std::chrono::nanoseconds timeout)
      : to_(std::move(to)), body_(std::move(body)), timeout_(timeout), wait_(slot_) {}

  [[nodiscard]] bool await_ready() noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> leaf) {
    const auto header = call_header(timeout_);
    send_call(slot_, to_, make_request(slot_, std::move(body_), header), true);
    if (wait_.ready()) return false;  // refused at once
    wait_.arm_until(give_up_time(header, timeout_));
    wait_.suspend(leaf);
    return true;
  }
  auto await_resume() {
    message answer(take_reply(slot_, message_type_of<reply_payload_of<T>>));
    if constexpr (Throws) {
      auto* value = answer.get_if<reply_payload_of<T>>();
      if (value == nullptr) throw_call_error(type_of<T>.name, to_, answer);
      if constexpr (!std::is_void_v<reply>) return reply(std::move(value->value));
    } else {
      return result<reply>(answer.release());
    }
  }

 private:
  destination to_;
  T body_;
  std::chrono::nanoseconds timeout_;
  reply_slot slot_;
  reply_wait wait_;
};

}  // namespace internal
}  // namespace troupe
