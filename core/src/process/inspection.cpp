#include "process/inspection.hpp"

#include "process/relations.hpp"

namespace troupe::internal {
namespace {

// What one element of an ordered container takes: three pointers, a colour and the value.
template <class Tree>
std::size_t bytes_of(const Tree& tree) {
  return tree.size() * (sizeof(typename Tree::value_type) + 4 * sizeof(void*));
}

std::size_t bytes_of_ties(const relations& ties) {
  return sizeof ties + bytes_of(ties.links) + bytes_of(ties.monitors) + bytes_of(ties.watchers) +
         bytes_of(ties.timers) + ties.timers.size() * sizeof(timer);
}

class [[nodiscard]] inspect_awaiter {
 public:
  inspect_awaiter(pid process, std::chrono::nanoseconds limit)
      : process_(process), limit_(limit), wait_(slot_) {}
  [[nodiscard]] bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> leaf) {
    request_header header = call_header(limit_);
    header.ref = slot_.ref;
    send(process_, make_node<inspect_sent>(header));
    wait_.arm_until(give_up_time(header, limit_));
    wait_.suspend(leaf);
  }
  std::optional<inspection> await_resume() {
    message answer(take_reply(slot_, message_type_of<reply_payload<inspection>>));
    auto* told = answer.get_if<reply_payload<inspection>>();
    if (told == nullptr) return std::nullopt;
    return std::move(told->value);
  }

 private:
  pid process_;
  std::chrono::nanoseconds limit_;
  reply_slot slot_;
  reply_wait wait_;
};

}  // namespace

std::size_t mailbox_length(const process_slot& slot) noexcept {
  std::size_t length = 0;
  for (const message_node* n = slot.first; n != nullptr; n = n->next)
    length += n->type->kind != message_kind::signal;  // a link or monitor that came too late
  return length;
}

std::string_view first_name(const process_slot& slot) noexcept {
  if (slot.ties == nullptr || slot.ties->names.empty()) return {};
  return slot.ties->names.front();
}

std::string reason_type(const exit_reason& reason) {
  if (reason.what() == exit_reason::kind::error) return std::string(reason.type());
  if (const message* const own = reason.own_value()) return std::string(own->name());
  return to_string(reason);
}

inspection inspect(const process_slot& slot) {
  inspection told;
  told.behaviour = slot.what->behaviour();
  told.memory = sizeof slot + slot.what->memory();
  told.name = first_name(slot);
  told.mailbox = mailbox_length(slot);
  for (const message_node* n = slot.first; n != nullptr; n = n->next)
    told.memory += sizeof *n + n->type->size;
  if (slot.ties != nullptr) told.memory += bytes_of_ties(*slot.ties);
  return told;
}

void answer(process_slot& slot, inspect_sent& asked) {
  const pid to = std::exchange(asked.asked.reply_to, pid{});
  running.home->deliver(
      to, make_node<reply_payload<inspection>>(reply_header{asked.asked.ref}, inspect(slot)));
}

task<std::optional<inspection>> inspect(context /*self*/, pid process,
                                        std::chrono::nanoseconds limit) {
  co_return co_await inspect_awaiter(process, limit);
}

}  // namespace troupe::internal
