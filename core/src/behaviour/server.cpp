#include <troupe/server.hpp>

#include "process/internal_signals.hpp"
#include "process/relations.hpp"

namespace troupe::internal {
namespace {

// An idle server waits for anything. One wait serves all: nobody writes to it.
struct any_mail_wait : wait {
  any_mail_wait() {
    over = [](wait&, process_slot& slot) { return slot.first != nullptr; };
  }
};
any_mail_wait any_mail;

}  // namespace

// The body of a process that is a server: no coroutine of its own, so that a waiting server costs
// little. It takes one message after the other; a handler that is a coroutine runs to its end
// first.
struct server_body final : body {
  server_body(const server_class& type, std::unique_ptr<server_maker> args)
      : what(type), maker(std::move(args)) {
    behaviour = type.name;
  }

  outcome run(process_slot& slot) override {
    try {
      if (maker != nullptr) init(slot);
      if (active) resume_handler(slot);
      while (!active && !slot.ending && !slot.yielded) {
        waiting = &any_mail;
        message_node* const node = take(slot);
        if (node == nullptr) return outcome::waiting;
        if (--running.budget < 0) slot.yielded = true;
        message owner(node);
        dispatch(slot, *node);
      }
    } catch (...) {
      fail_with_exception();
      return outcome::finished;
    }
    return outcome::waiting;
  }

  void destroy() noexcept override {
    this->~server_body();
    deallocate(this, sizeof(server_body));
  }
  [[nodiscard]] std::size_t memory() const noexcept override { return sizeof *this + what.size; }
  void terminate(const exit_reason& reason) override {
    if (self != nullptr && reason.what() != exit_reason::kind::killed) self->terminate(reason);
  }

  void init(process_slot& slot) {
    const auto made = std::exchange(maker, nullptr);
    self = made->make();
    if (slot.announces) running.home->deliver(parent, make_node<init_done>(id_of(slot)));
  }

  message_node* take(process_slot& slot) {
    if (slot.first == nullptr) drain(slot);
    if (slot.ending || slot.first == nullptr) return nullptr;
    return unlink_node(slot, &slot.first);
  }

  void dispatch(process_slot& slot, message_node& node) {
    if (is_stale(node)) return;
    note_taken(slot, node);
    if (is_order_to_stop(slot, node))
      return end_with(slot, static_cast<exit_signal*>(node.payload())->reason);
    for (const server_entry& entry : what.entries)
      if (entry.type == node.type) return entry.handle(*self, node, *this);
    running.home->log(log_level::warning,
                      "process {} ({}) does not handle {}: the message is dropped",
                      to_string(id_of(slot)), behaviour, node.type->value->name);
  }

  // OTP's rule (gen_server): what its supervisor orders a server obeys, also one that traps exits.
  [[nodiscard]] bool is_order_to_stop(const process_slot& slot, message_node& node) const {
    return slot.announces && node.type == &message_type_of<exit_signal> &&
           static_cast<exit_signal*>(node.payload())->from == parent;
  }

  void resume_handler(process_slot& slot) {
    waiting = nullptr;
    const auto leaf = std::exchange(slot.leaf, nullptr);
    (leaf ? leaf : std::coroutine_handle<>(active->handle())).resume();
    if (!active->handle().done()) return;
    task<> done = std::move(*active);
    active.reset();
    done.handle().promise().take();  // throws what the handler threw
  }

  const server_class& what;
  std::unique_ptr<server_maker> maker;  // until init
  std::unique_ptr<server> self;
  std::optional<task<>> active;  // a handler that has not ended
};

void continue_with(server_body& body, task<> handler) {
  body.active.emplace(std::move(handler));
  body.resume_handler(*running.slot);
}

monitored launch_server_of(engine& home, const launch_options& options, const server_class& what,
                           std::unique_ptr<server_maker> maker) {
  newborn child(home);
  void* memory = allocate(sizeof(server_body));
  return child.start(*::new (memory) server_body(what, std::move(maker)), options);
}

}  // namespace troupe::internal
