// What every server does besides its own messages. (OTP: sys:handle_system_msg/6.)
#include <troupe/sys.hpp>

#include "behaviour/server_body.hpp"

#include <algorithm>
#include <stdexcept>

namespace troupe::internal {
namespace {

// --- suspended ----------------------------------------------------------------------------------

task<> stay_suspended(server_body& body);

void take(request<sys::suspend> asked, server_body& body) {
  asked.reply();
  if (std::exchange(body.watched().suspended, true)) return;
  continue_with(body, stay_suspended(body));
}
void take(request<sys::resume> asked, server_body& body) {
  if (body.watch != nullptr) body.watch->suspended = false;
  asked.reply();
}

// --- a look inside ------------------------------------------------------------------------------

void take(request<visit> asked, server_body& body) {
  try {
    asked.reply(asked->function->run(*body.self));
  } catch (...) {
    asked.fail(exit_reason::from_current_exception());
  }
}

void take(request<sys::get_status> asked, server_body& body) {
  process_slot& slot = *running.slot;
  drain(slot);
  const server_watch* const watch = body.watch.get();
  take(std::move(asked), slot, watch != nullptr && watch->suspended, watch);
}

template <class T>
  requires std::same_as<T, sys::statistics> || std::same_as<T, sys::trace>
void take(request<T> asked, server_body& body) {
  take(std::move(asked), body.watched());
  body.watch_changed();
}

void take(request<sys::terminate> asked, server_body&) {
  asked.reply();
  throw exit_request{std::move(asked->reason)};
}

// --- what it sends to itself --------------------------------------------------------------------

void take_first_of_all(server&, message& taken, server_body& body) {
  body.dispatch(*running.slot, std::move(taken.get_if<first_of_all>()->held));
}
void take_idle_check(server&, message& taken, server_body& body) {
  body.check_idle(taken.get_if<idle_check>()->number);
}

template <class T>
void take_system(server&, message& taken, server_body& body) {
  take(request_in<T>(taken), body);
}
template <class T>
constexpr std::array<server_entry, 2> entries_for() {
  return {
      {{&message_type_of<request<T>>, &take_system<T>}, {&message_type_of<T>, &take_system<T>}}};
}
template <class... Ts>
constexpr auto entries_for_all() {
  std::array<server_entry, 2 * sizeof...(Ts)> all{};
  std::size_t next = 0;
  ((std::ranges::copy(entries_for<Ts>(), all.begin() + next), next += 2), ...);
  return all;
}

constexpr auto system_table = entries_for_all<visit, sys::suspend, sys::resume, sys::get_status,
                                              sys::statistics, sys::trace, sys::terminate>();
constexpr server_entry own_table[] = {{&message_type_of<first_of_all>, &take_first_of_all},
                                      {&message_type_of<idle_check>, &take_idle_check}};

constexpr auto types_while_suspended = [] {
  std::array<const message_type*, system_table.size() + 1> types{&message_type_of<exit_signal>};
  std::ranges::transform(system_table, types.begin() + 1, &server_entry::type);
  return types;
}();

server_body& body_of(process_slot& slot) { return static_cast<server_body&>(*slot.what); }

// Takes only what a suspended server obeys; the rest keeps its place in the mailbox.
struct [[nodiscard]] system_receive : receive_wait {
  system_receive() {
    take(types_while_suspended);
    accepts = [](receive_wait&, message_node& node) {
      process_slot& slot = *running.slot;
      return node.type != &message_type_of<exit_signal> ||
             body_of(slot).is_order_to_stop(slot, node);
    };
  }
  [[nodiscard]] bool await_ready() { return ready(); }
  void await_suspend(std::coroutine_handle<> leaf) { suspend(leaf); }
  message await_resume() { return message(std::exchange(match, nullptr)); }
};

// The handler in which a suspended server stays: so the way of a message knows nothing of it.
task<> stay_suspended(server_body& body) {
  while (body.watch->suspended) {
    message taken = co_await system_receive();
    if (auto* const order = taken.get_if<exit_signal>()) {
      end_with(*running.slot, std::move(order->reason));
      continue;
    }
    find_entry(system_table, taken.type())->handle(*body.self, taken, body);
  }
}

// Another node may send these: all but visits, which hold a function.
template <class... Ts>
bool mention_requests() noexcept {
  ((mention<request<Ts>>(), mention<Ts>()), ...);
  return true;
}
[[maybe_unused]] const bool mentioned =
    mention_requests<sys::suspend, sys::resume, sys::get_status, sys::statistics, sys::trace,
                     sys::terminate>();

}  // namespace

std::span<const server_entry> system_entries() noexcept { return system_table; }
std::span<const server_entry> own_entries() noexcept { return own_table; }

// --- visits -------------------------------------------------------------------------------------

void check_local(pid to) {
  if (to.local()) return;
  throw std::invalid_argument(
      fmt::format("troupe: {} is a process of another node: a function cannot be sent there; send "
                  "it a message of its own",
                  to_string(to)));
}

void throw_wrong_class(std::string_view wanted) {
  throw sys::wrong_class(fmt::format("process {} is a {}, not a {}",
                                     to_string(id_of(*running.slot)),
                                     running.slot->what->behaviour(), wanted));
}

}  // namespace troupe::internal
