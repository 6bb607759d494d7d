#pragma once

#include <troupe/server.hpp>
#include <troupe/sys.hpp>

#include "process/process_watch.hpp"

namespace troupe::internal {

// What is known of a server that somebody looks into, or that wants to hear that it is idle. Most
// servers never have one.
struct server_watch : process_watch {
  explicit server_watch(const server_class& real)
      : what(real), bare{.name = real.name, .entries = {}, .size = real.size, .listed = 0} {}

  // Whether each message is to be seen.
  [[nodiscard]] bool sees_messages() const noexcept {
    return process_watch::sees_messages() || idle_limit != infinity;
  }

  const server_class& what;
  // Stands in the place of the class while each message is to be seen: as it takes none, all come
  // to `server_body::take_uncommon`, and a server that is not watched pays nothing.
  const server_class bare;
  bool suspended = false;
  std::chrono::nanoseconds idle_limit = infinity;
  std::uint64_t idle_number = 0;  // tells the check that is due from those of former limits
  timer_ref idle_timer;
  steady_time last_handled;
};

[[nodiscard]] inline const server_entry* find_entry(std::span<const server_entry> entries,
                                                    const message_type& type) noexcept {
  for (const server_entry& entry : entries)
    if (entry.type == &type) return &entry;
  return nullptr;
}

// The body of a process that is a server: no coroutine of its own, so that a waiting server costs
// little. It takes one message after the other; a handler that is a coroutine runs to its end
// first.
struct server_body final : body {
  server_body(const server_class& type, std::unique_ptr<server_maker> args)
      : what(&type), maker(std::move(args)) {}

  outcome run(process_slot& slot) override;
  void destroy() noexcept override;
  [[nodiscard]] std::size_t memory() const noexcept override { return sizeof *this + what->size; }
  [[nodiscard]] std::string_view behaviour() const noexcept override { return what->name; }
  void terminate(const exit_reason& reason) override {
    if (self != nullptr && reason.what() != exit_reason::kind::killed) self->terminate(reason);
  }

  // Takes a message as if it came out of the mailbox now.
  void dispatch(process_slot& slot, message taken);
  // OTP's rule (gen_server): what its supervisor orders a server obeys, also one that traps exits.
  [[nodiscard]] bool is_order_to_stop(const process_slot& slot, message_node& node) const {
    return slot.announces && node.type == &message_type_of<exit_signal> &&
           static_cast<exit_signal*>(node.payload())->from == parent();
  }
  void resume_handler(process_slot& slot);

  // The class, also while it is watched.
  [[nodiscard]] const server_class& real_class() const noexcept {
    return watch == nullptr ? *what : watch->what;
  }
  [[nodiscard]] bool lists(const message_type& type) const noexcept {
    return find_entry(real_class().entries.first(real_class().listed), type) != nullptr;
  }

  server_watch& watched();  // made if need be
  void watch_changed() noexcept;
  void handler_ended();  // of a watched server
  void idle_after(std::chrono::nanoseconds limit);
  void check_idle(std::uint64_t number);

  const server_class* what;
  std::unique_ptr<server_maker> maker;  // until init
  std::unique_ptr<server_watch> watch;
  std::unique_ptr<server> self;
  task<> active;  // a handler that has not ended

 private:
  void init(process_slot& slot);
  void dispatch(process_slot& slot, message_node& node, message& owner);
  message_node* take(process_slot& slot);
  void take_uncommon(process_slot& slot, message& taken);
  void take_watched(const server_entry& entry, message& taken);
  void arm_idle_check(std::chrono::nanoseconds limit);
};
// Beside the slot and the object all that an idle server takes.
static_assert(sizeof(server_body) <= 80);

// The server that runs on this thread. Throws std::logic_error if what runs is none.
[[nodiscard]] server_body& running_server();

// What every server understands: requests of sys.hpp, also while it is suspended, and the messages
// that it sends to itself.
[[nodiscard]] std::span<const server_entry> system_entries() noexcept;
[[nodiscard]] std::span<const server_entry> own_entries() noexcept;

// To itself: taken in front of the mailbox, and then handled as what it holds.
struct first_of_all {
  explicit first_of_all(message what) : held(std::move(what)) {}
  message held;
};
// To itself, by a timer: has it been idle for long enough?
struct idle_check {
  std::uint64_t number;
};

// Puts a node in front of all that waits in the running process's queue, but behind those of its
// type.
void put_first(message_node* node) noexcept;

}  // namespace troupe::internal
