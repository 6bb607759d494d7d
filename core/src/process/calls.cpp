// The two ends of a call: how a request is sent and how its answer finds the caller.
#include <troupe/call.hpp>

#include "process/call_cycles.hpp"

#include <stdexcept>

namespace troupe::internal {

exit_reason no_reply() {
  return exit_reason::error("troupe::no_reply", "the request was destroyed without a reply");
}

// A limit from this on is counted without an exact look at the clock, which would be a sixth of the
// time that a call takes: the callee gets up to clock::lag() less, and the caller waits up to that
// much more.
static constexpr std::chrono::nanoseconds long_limit = std::chrono::seconds(1);

request_header call_header(std::chrono::nanoseconds timeout) {
  process_slot& slot = *running.slot;
  engine& home = *running.home;
  request_header header;
  header.home = &home;
  header.reply_to = id_of(slot);
  header.deadline = ties_of(slot).serving;
  if (timeout == infinity) return header;
  const clock& time = *home.options.time;
  const steady_time now = timeout < long_limit ? time.now() : time.coarse();
  header.deadline = std::min(header.deadline, later(now, timeout));
  return header;
}

steady_time give_up_time(const request_header& sent, std::chrono::nanoseconds timeout) {
  if (timeout < long_limit) return sent.deadline;
  return later(sent.deadline, running.home->options.time->lag());
}

void send_call(reply_slot& slot, const destination& to, message_node* request, bool waits_at_once) {
  engine& home = *running.home;
  if (to.named() && !to.node().empty()) return static_cast<void>(home.send(to, request));
  slot.callee = to.named() ? home.names.find(to.name()) : to.id();
  if (waits_at_once && slot.callee == id_of(*running.slot)) {
    release(request);
    slot.node =
        make_node<failed_reply>(reply_header{slot.ref}, call_cycle({{slot.callee, slot.ref}}));
    return unlink_reply(*running.slot->ties, slot);
  }
  home.send(slot.callee, request);
}

message_node* take_reply(reply_slot& slot, const message_type& wanted) {
  exit_reason failure;
  if (slot.node == nullptr) {
    failure = exit_reason::error("troupe::timeout", "no reply within the time allowed");
  } else if (slot.node->type == &wanted || slot.node->type == &message_type_of<failed_reply>) {
    return std::exchange(slot.node, nullptr);
  } else {  // from a node whose program gives the request another reply type
    failure = exit_reason::error("troupe::wrong_reply",
                                 fmt::format("the reply is a {}; the request names {} as its reply",
                                             slot.node->type->value->name, wanted.value->name));
  }
  return make_node<failed_reply>(reply_header{slot.ref}, std::move(failure));
}

void throw_call_error(std::string_view request, const destination& to, const message& failed) {
  throw call_error(request, to_string(to), failed.get_if<failed_reply>()->value);
}

namespace {

// The answer goes out: what the process does from here on is not for that caller any more.
pid answer_to(request_header& request) noexcept {
  relations* const ties = running.slot == nullptr ? nullptr : running.slot->ties;
  if (ties != nullptr && ties->asked_by == request.reply_to && ties->asked_ref == request.ref) {
    ties->serving = steady_time::max();
    ties->asked_by = {};
  }
  return std::exchange(request.reply_to, pid{});
}

}  // namespace

void send_reply(request_header& request, message_node* reply) {
  if (request.ref == 0) return release(reply);  // it was sent, not called: nobody waits
  if (!request.reply_to) {
    release(reply);
    throw std::logic_error("troupe: this request was answered before");
  }
  request.home->deliver(answer_to(request), reply);
}

void send_failure(request_header& request, const exit_reason& reason) noexcept {
  if (!request.reply_to) return;
  request.home->deliver(answer_to(request),
                        make_node<failed_reply>(reply_header{request.ref}, reason));
}

void abandon(request_header& request) noexcept {
  // The process may be ending, by an exception on its way out or by its return: whether the caller
  // is told `no_reply` or the process's reason is known when its turn is over.
  if (running.slot == nullptr || running.home != request.home)
    return send_failure(request, no_reply());
  ties_of(*running.slot).abandoned.push_back(request);
  request.reply_to = {};
}

}  // namespace troupe::internal
