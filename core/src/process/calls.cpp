// The two ends of a call: how a request is sent and how its answer finds the caller.
#include <troupe/call.hpp>

#include "process/relations.hpp"

#include <stdexcept>

namespace troupe::internal {

exit_reason no_reply() {
  return exit_reason::error("troupe::no_reply", "the request was destroyed without a reply");
}

request_header call_header(std::chrono::nanoseconds timeout) {
  process_slot& slot = *running.slot;
  engine& home = *running.home;
  request_header header;
  header.home = &home;
  header.reply_to = id_of(slot);
  header.deadline = ties_of(slot).serving;
  if (timeout != infinity)
    header.deadline = std::min(header.deadline, home.options.time->now() + timeout);
  return header;
}

message_node* take_reply(reply_slot& slot) {
  if (slot.node != nullptr) return std::exchange(slot.node, nullptr);
  return make_node<failed_reply>(
      reply_header{slot.ref},
      exit_reason::error("troupe::timeout", "no reply within the time allowed"));
}

void throw_call_error(std::string_view request, const destination& to, message failed) {
  if (auto* failure = failed.get_if<failed_reply>())
    throw call_error(request, to_string(to), failure->value);
  throw call_error(request, to_string(to),
                   exit_reason::error("troupe::wrong_reply",
                                      fmt::format("the reply is a {}, which is not the type that "
                                                  "the request names",
                                                  failed.name())));
}

void send_reply(request_header& request, message_node* reply) {
  if (request.ref == 0) return release(reply);  // it was sent, not called: nobody waits
  if (!request.reply_to) {
    release(reply);
    throw std::logic_error("troupe: this request was answered before");
  }
  request.home->deliver(std::exchange(request.reply_to, pid{}), reply);
}

void send_failure(request_header& request, const exit_reason& reason) noexcept {
  if (!request.reply_to) return;
  request.home->deliver(std::exchange(request.reply_to, pid{}),
                        make_node<failed_reply>(reply_header{request.ref}, reason));
}

void abandon(request_header& request) noexcept {
  // While a process ends, its locals die unanswered: the callers are told its reason. An exception
  // on its way out of the process ends it too, but its reason is not known before it is out.
  if (running.slot != nullptr && running.home == request.home) {
    process_slot& slot = *running.slot;
    if (slot.ending) return send_failure(request, ties_of(slot).reason);
    if (std::uncaught_exceptions() > 0) {
      ties_of(slot).abandoned.push_back(request);
      request.reply_to = {};
      return;
    }
  }
  send_failure(request, no_reply());
}

}  // namespace troupe::internal
