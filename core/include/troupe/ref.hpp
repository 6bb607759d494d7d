#pragma once

#include <troupe/request.hpp>
#include <troupe/spawn.hpp>

#include <concepts>
#include <utility>

namespace troupe {

class server;

/// The message types that a server handles: `using handles = troupe::messages<add, get>;`.
template <class... Ts>
struct messages {};

/// The address of a process that runs S. Like a pid, but sending it what S does not handle does not
/// compile.
template <class S>
class ref {
 public:
  constexpr ref() = default;
  constexpr explicit ref(pid id) noexcept : id_(id) {}
  [[nodiscard]] constexpr pid id() const noexcept { return id_; }
  constexpr operator pid() const noexcept { return id_; }  // NOLINT(*-explicit-*): it is one
  friend constexpr auto operator<=>(const ref&, const ref&) noexcept = default;

 private:
  pid id_;
};

namespace internal {

template <class S>
concept server_type = std::derived_from<std::remove_cvref_t<S>, server>;

template <class T, class List>
inline constexpr bool listed = false;
template <class T, class... Ts>
inline constexpr bool listed<T, messages<Ts...>> = (std::same_as<T, Ts> || ...);

template <class S, class T>
consteval void check_handled() {
  static_assert(listed<T, typename S::handles> || system_request<T>,
                "this server does not handle this message: add the type to its `handles` and write "
                "a `handle` for it, or send it to another process");
}

template <server_type S, class... Args>
monitored launch_server(engine& home, const launch_options& options, Args&&... args);

}  // namespace internal
}  // namespace troupe
