#include "behaviour/server_body.hpp"

#include "process/internal_signals.hpp"
#include "process/own_queue.hpp"

#include <stdexcept>

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

outcome server_body::run(process_slot& slot) {
  try {
    if (maker != nullptr) init(slot);
    if (active.handle()) resume_handler(slot);
    while (!active.handle() && !slot.ending && !slot.yielded) {
      waiting = &any_mail;
      message_node* const node = take(slot);
      if (node == nullptr) return outcome::waiting;
      if (--running.budget < 0) slot.yielded = true;
      message owner(node);
      dispatch(slot, *node, owner);
    }
  } catch (...) {
    fail_with_exception();
    return outcome::finished;
  }
  return outcome::waiting;
}

void server_body::destroy() noexcept {
  this->~server_body();
  deallocate(this, sizeof(server_body));
}

void server_body::init(process_slot& slot) {
  const auto made = std::exchange(maker, nullptr);
  self = made->make();
  if (slot.announces) running.home->deliver(parent(), make_node<init_done>(id_of(slot)));
}

message_node* server_body::take(process_slot& slot) {
  if (slot.first == nullptr) drain(slot);
  while (slot.first != nullptr && is_mark(*slot.first)) [[unlikely]]
    release(detach_node(slot, &slot.first));
  if (slot.ending || slot.first == nullptr) return nullptr;
  return unlink_node(slot, &slot.first);
}

void server_body::dispatch(process_slot& slot, message taken) {
  message_node* const node = taken.release();
  message owner(node);
  dispatch(slot, *node, owner);
}

void server_body::dispatch(process_slot& slot, message_node& node, message& owner) {
  if (node.type->kind == message_kind::request && is_stale_request(node)) return;
  note_taken(slot, node);
  if (is_order_to_stop(slot, node))
    return end_with(slot, static_cast<exit_signal*>(node.payload())->reason);
  for (const server_entry& entry : what->entries)
    if (entry.type == node.type) return entry.handle(*self, owner, *this);
  take_uncommon(slot, owner);
}

// What the class does not list, and everything while the server is watched.
void server_body::take_uncommon(process_slot& slot, message& taken) {
  const message_type& type = taken.type();
  if (watch != nullptr)
    if (const server_entry* const entry = find_entry(watch->what.entries, type))
      return take_watched(*entry, taken);
  for (const auto entries : {system_entries(), own_entries()})
    if (const server_entry* const entry = find_entry(entries, type))
      return entry->handle(*self, taken, *this);
  running.home->log(log_level::warning,
                    "process {} ({}) does not handle {}: the message is dropped",
                    to_string(id_of(slot)), behaviour(), taken.name());
}

void server_body::resume_handler(process_slot& slot) {
  waiting = nullptr;
  const auto leaf = std::exchange(slot.leaf, nullptr);
  (leaf ? leaf : std::coroutine_handle<>(active.handle())).resume();
  if (!active.handle().done()) return;
  const task<> done = std::move(active);
  done.handle().promise().take();  // throws what the handler threw
  if (watch != nullptr) [[unlikely]]
    handler_ended();
}

void continue_with(server_body& body, task<> handler) {
  body.active = std::move(handler);
  body.resume_handler(*running.slot);
}

server_body& running_server() {
  process_slot* const slot = running.slot;
  if (auto* const found = dynamic_cast<server_body*>(slot == nullptr ? nullptr : slot->what))
    return *found;
  throw std::logic_error("troupe: no server runs here: this is for a server's own functions");
}

void put_first(message_node* node) noexcept {
  process_slot& slot = *running.slot;
  count(&tally::sent, 1);
  message_node** at = &slot.first;
  while (*at != nullptr && (*at)->type == node->type) at = &(*at)->next;
  node->next = *at;
  *at = node;
  if (node->next == nullptr) slot.last = &node->next;
}

void handle_first(message_node* node) {
  message held(node);
  (void)running_server();
  put_first(make_node<first_of_all>(std::move(held)));
}

monitored launch_server_of(engine& home, const launch_options& options, const server_class& what,
                           std::unique_ptr<server_maker> maker) {
  newborn child(home);
  void* memory = allocate(sizeof(server_body));
  return child.start(*::new (memory) server_body(what, std::move(maker)), options);
}

}  // namespace troupe::internal
