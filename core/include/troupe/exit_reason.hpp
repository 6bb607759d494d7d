#pragma once

#include <troupe/message.hpp>

#include <concepts>
#include <exception>
#include <memory>
#include <string>

namespace troupe {

/// Why a process ended. A plain value that is cheap to copy. The kinds and the way in which links
/// treat them are OTP's (Erlang Reference Manual, "Processes: Error Handling").
class exit_reason {
 public:
  enum class kind : std::uint8_t {
    normal,        // it returned
    shutdown,      // it was asked to stop, by its supervisor as a rule
    kill,          // sent to end a process at once, which then ends with `killed`
    killed,        // it was sent `kill`
    noproc,        // there was no such process
    noconnection,  // its node cannot be reached, or was lost: the process may live on
    error,         // an exception left it: `type` and `text` tell which
    user,          // a value of the program's own
  };

  static const exit_reason normal;
  static const exit_reason shutdown;
  static const exit_reason kill;
  static const exit_reason killed;
  static const exit_reason noproc;
  static const exit_reason noconnection;

  constexpr exit_reason() noexcept = default;

  /// An error with the type of the exception and its text.
  [[nodiscard]] static exit_reason error(std::string type, std::string text);
  /// A reason of the program's own: any message type that can be copied.
  template <std::copyable T>
  [[nodiscard]] static exit_reason of(T value) {
    return exit_reason(kind::user, make_value(std::move(value)));
  }
  /// OTP's `{shutdown, Term}`: treated as `shutdown`, with more to tell.
  template <std::copyable T>
  [[nodiscard]] static exit_reason shutdown_with(T value) {
    return exit_reason(kind::shutdown, make_value(std::move(value)));
  }
  /// From parts, for what decodes a reason. `value` may be empty.
  [[nodiscard]] static exit_reason from_parts(kind what, std::string type, std::string text,
                                              message value);
  /// The reason that stands for the exception being handled.
  [[nodiscard]] static exit_reason from_current_exception() noexcept;

  [[nodiscard]] kind what() const noexcept { return kind_; }
  /// Of an error: the exception's type, as `std::runtime_error`.
  [[nodiscard]] std::string_view type() const noexcept;
  /// Of an error: the exception's text.
  [[nodiscard]] std::string_view text() const noexcept;
  /// The program's own value if it is a T, else null. It lives as long as this reason's copies.
  template <class T>
  [[nodiscard]] const T* get_if() const noexcept {
    const message* value = own_value();
    return value != nullptr ? value->get_if<T>() : nullptr;
  }
  /// The program's own value, or null.
  [[nodiscard]] const message* own_value() const noexcept;

  /// OTP's rule for children: normal and shutdown are ends that were meant.
  [[nodiscard]] bool expected() const noexcept {
    return kind_ == kind::normal || kind_ == kind::shutdown;
  }
  /// Equal kinds and, of errors, types and texts; of the program's own reasons, values. Values
  /// without `==` are equal only to their own copies.
  friend bool operator==(const exit_reason& a, const exit_reason& b) noexcept;

 private:
  using equal_function = bool (*)(const void*, const void*);
  struct detail;
  constexpr explicit exit_reason(kind what) noexcept : kind_(what) {}
  exit_reason(kind what, std::shared_ptr<const detail> more) noexcept
      : kind_(what), detail_(std::move(more)) {}
  static std::shared_ptr<const detail> make_detail(message value, equal_function equal);
  template <class T>
  static std::shared_ptr<const detail> make_value(T value) {
    internal::check_sendable<T>();
    equal_function equal = nullptr;
    if constexpr (std::equality_comparable<T>)
      equal = [](const void* a, const void* b) {
        return *static_cast<const T*>(a) == *static_cast<const T*>(b);
      };
    return make_detail(message::of(std::move(value)), equal);
  }

  kind kind_ = kind::normal;
  std::shared_ptr<const detail> detail_;
};

inline constinit const exit_reason exit_reason::normal{kind::normal};
inline constinit const exit_reason exit_reason::shutdown{kind::shutdown};
inline constinit const exit_reason exit_reason::kill{kind::kill};
inline constinit const exit_reason exit_reason::killed{kind::killed};
inline constinit const exit_reason exit_reason::noproc{kind::noproc};
inline constinit const exit_reason exit_reason::noconnection{kind::noconnection};

/// As a person reads it: `shutdown`, `error std::runtime_error: disk full`.
[[nodiscard]] std::string to_string(const exit_reason& reason);

/// What `context::exit(reason)` throws to end the process that calls it with a reason of its own.
/// Not derived from std::exception, so that a handler of errors does not swallow it.
struct exit_request {
  exit_reason reason;
};

/// A call that got no answer. Thrown by `call`; left alone it ends the caller with reason `error`.
class call_error : public std::exception {
 public:
  call_error(std::string_view request, const std::string& to, exit_reason why);
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }
  /// The callee's end, noproc, noconnection, or an `error` of type `troupe::timeout` or
  /// `troupe::no_reply`.
  [[nodiscard]] const exit_reason& reason() const noexcept { return reason_; }

 private:
  exit_reason reason_;
  std::string text_;
};

}  // namespace troupe
