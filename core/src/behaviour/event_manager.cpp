#include <troupe/event_manager.hpp>

#include "process/inspection.hpp"
#include "process/relations.hpp"

#include <algorithm>
#include <optional>

namespace troupe {
namespace internal {

// What the process of an event manager runs. (OTP: gen_event.erl, whose order is kept: the newest
// handler stands first.)
class event_manager_process {
 public:
  // `owner` is the process that the manager ends with, if there is one.
  event_manager_process(context self, pid owner) : self_(self), owner_(owner) {}
  task<> run(std::vector<handler_spec> handlers);

 private:
  struct installed {
    std::string id;
    const handler_class* what;
    std::unique_ptr<event_handler> handler;
    pid supervisor;
  };
  // What a request fails with, or nothing.
  using failure = std::optional<exit_reason>;

  failure add(const handler_spec& spec, pid supervisor, event_handler* before = nullptr);
  failure erase(std::string_view id);
  failure swap(std::string_view id, const handler_spec& by, pid supervisor);
  [[nodiscard]] std::vector<handler_info> list() const;
  void exit_signalled(exit_signal e);
  void show(message event);

  failure offer(installed& to, message_node& node, bool& taken);
  void report(const installed& failed, std::string_view what, const exit_reason& why) const;
  failure terminate(installed& gone, const exit_reason& why);
  failure remove(std::vector<installed>::iterator at, const exit_reason& why);
  void remove_all();
  [[nodiscard]] std::vector<installed>::iterator find(std::string_view id);

  context self_;
  pid owner_;
  std::vector<installed> handlers_;
};

namespace {

template <class T>
void answer(request<T>& asked, const std::optional<exit_reason>& failure) {
  if (failure)
    asked.fail(*failure);
  else
    asked.reply();
}

exit_reason no_handler(std::string_view what) {
  return exit_reason::error("troupe::no_handler",
                            fmt::format("the event manager has no handler for {}", what));
}

exit_reason id_taken(std::string_view id) {
  return exit_reason::error(
      "troupe::handler_exists",
      fmt::format("the event manager has a handler {}: give another id, or swap_handler", id));
}

process manage_events(context self, std::vector<handler_spec> handlers, bool linked) {
  event_manager_process state(self, linked ? self.parent() : pid());
  co_await state.run(std::move(handlers));
}

}  // namespace

task<> event_manager_process::run(std::vector<handler_spec> handlers) {
  self_.trap_exits(true);
  for (const handler_spec& spec : handlers)
    if (const failure why = add(spec, {})) self_.exit(*why);
  handlers.clear();
  announce_started(self_);
  for (;;) {
    co_await self_.receive(
        [&](request<add_handler> r) { answer(r, add(r->spec, {})); },
        [&](request<add_sup_handler> r) { answer(r, add(r->spec, r.from())); },
        [&](request<delete_handler> r) { answer(r, erase(r->id)); },
        [&](request<swap_handler> r) { answer(r, swap(r->id, r->spec, {})); },
        [&](request<swap_sup_handler> r) { answer(r, swap(r->id, r->spec, r.from())); },
        [&](request<which_handlers> r) { r.reply(list()); },
        [](request<events_handled> r) { r.reply(); },
        [&](request<stop_event_manager> r) {
          remove_all();
          r.reply();
          self_.exit(r->reason);
        },
        // Sent, not called, as by a handler, which must not wait: nobody is told of a failure.
        [&](const add_handler& sent) { (void)add(sent.spec, {}); },
        [&](const delete_handler& sent) { (void)erase(sent.id); },
        [&](const swap_handler& sent) { (void)swap(sent.id, sent.spec, {}); },
        [&](const stop_event_manager& sent) {
          remove_all();
          self_.exit(sent.reason);
        },
        [&](exit_signal e) { exit_signalled(std::move(e)); },
        [&](message event) { show(std::move(event)); });
  }
}

// --- handlers come and go -----------------------------------------------------------------------

event_manager_process::failure event_manager_process::add(const handler_spec& spec, pid supervisor,
                                                          event_handler* before) {
  if (find(spec.id_) != handlers_.end()) return id_taken(spec.id_);
  try {
    handlers_.insert(handlers_.begin(),
                     installed{spec.id_, spec.what_, spec.make_(before), supervisor});
  } catch (...) {
    return exit_reason::from_current_exception();
  }
  // The link stays when the handler is removed, as in OTP: others may have set it, too.
  if (supervisor) self_.link(supervisor);
  return std::nullopt;
}

event_manager_process::failure event_manager_process::erase(std::string_view id) {
  const auto at = find(id);
  if (at == handlers_.end()) return no_handler(id);
  return remove(at, exit_reason::normal);
}

event_manager_process::failure event_manager_process::swap(std::string_view id,
                                                           const handler_spec& by, pid supervisor) {
  const auto at = find(id);
  if (at == handlers_.end()) return add(by, supervisor);
  if (by.id_ != id && find(by.id_) != handlers_.end()) return id_taken(by.id_);
  installed old = std::move(*at);
  handlers_.erase(at);
  if (!supervisor) supervisor = old.supervisor;
  const auto why = exit_reason::of(handler_swapped{by.id_, supervisor});
  (void)terminate(old, why);
  failure failed = add(by, supervisor, old.handler.get());
  old.handler.reset();
  if (old.supervisor) self_.send(old.supervisor, handler_removed{std::move(old.id), why});
  return failed;
}

std::vector<handler_info> event_manager_process::list() const {
  std::vector<handler_info> all;
  all.reserve(handlers_.size());
  for (const installed& h : handlers_)
    all.push_back({h.id, std::string(h.what->name), h.supervisor});
  return all;
}

std::vector<event_manager_process::installed>::iterator event_manager_process::find(
    std::string_view id) {
  return std::find_if(handlers_.begin(), handlers_.end(),
                      [id](const installed& h) { return h.id == id; });
}

void event_manager_process::report(const installed& failed, std::string_view what,
                                   const exit_reason& why) const {
  const std::string_view name = first_name(*running.slot);
  running.home->log(log_level::error, "event manager {} {}: handler {} ({}) {} ended with {}",
                    to_string(self_.id()), name.empty() ? "without a name" : name, failed.id,
                    failed.what->name, what, to_string(why));
}

event_manager_process::failure event_manager_process::terminate(installed& gone,
                                                                const exit_reason& why) {
  try {
    gone.handler->terminate(why);
    return std::nullopt;
  } catch (...) {
    exit_reason failed = exit_reason::from_current_exception();
    report(gone, "was to terminate and", failed);
    return failed;
  }
}

// Its supervisor is told last.
event_manager_process::failure event_manager_process::remove(std::vector<installed>::iterator at,
                                                             const exit_reason& why) {
  installed gone = std::move(*at);
  handlers_.erase(at);
  failure failed = terminate(gone, why);
  gone.handler.reset();
  if (gone.supervisor) self_.send(gone.supervisor, handler_removed{std::move(gone.id), why});
  return failed;
}

void event_manager_process::remove_all() {
  while (!handlers_.empty()) {
    // The supervisor of a handler is not to end because the manager does, unless it is the owner.
    const pid supervisor = handlers_.front().supervisor;
    if (supervisor && supervisor != owner_) self_.unlink(supervisor);
    (void)remove(handlers_.begin(), exit_reason::shutdown);
  }
}

// --- events -------------------------------------------------------------------------------------

void event_manager_process::exit_signalled(exit_signal e) {
  if (!e.from || e.from == owner_) {
    remove_all();
    self_.exit(std::move(e.reason));
  }
  const auto is_tied = [&](const installed& h) { return h.supervisor == e.from; };
  for (auto at = handlers_.begin();
       (at = std::find_if(handlers_.begin(), handlers_.end(), is_tied)) != handlers_.end();)
    (void)remove(at, e.reason);
  show(message::of(std::move(e)));
}

void event_manager_process::show(message event) {
  const message_type& type = event.type();
  message_node* const node = event.release();
  const message owner(node);
  bool taken = false;
  for (auto at = handlers_.begin(); at != handlers_.end();) {
    const failure leaves = offer(*at, *node, taken);
    const auto place = at - handlers_.begin();
    if (leaves) (void)remove(at, *leaves);
    at = handlers_.begin() + place + (leaves ? 0 : 1);
  }
  if (type.kind == message_kind::request && !taken)
    send_failure(*static_cast<request_header*>(node->payload()),
                 no_handler(to_text(*type.value, owner.value())));
}

// Why the handler is to be removed, or nothing.
event_manager_process::failure event_manager_process::offer(installed& to, message_node& node,
                                                            bool& taken) {
  const auto entry = std::find_if(to.what->entries.begin(), to.what->entries.end(),
                                  [&](const handler_entry& e) { return e.type == node.type; });
  if (entry == to.what->entries.end()) return std::nullopt;
  try {
    taken |= entry->handle(*to.handler, node, to.id);
    if (to.handler->leaving_) return exit_reason::normal;
    return std::nullopt;
  } catch (...) {
    taken = true;
    exit_reason why = exit_reason::from_current_exception();
    if (!why.expected()) report(to, fmt::format("took {} and", node.type->value->name), why);
    if (node.type->kind == message_kind::request)
      send_failure(*static_cast<request_header*>(node.payload()), why);
    return why;
  }
}

}  // namespace internal

event_manager_ref start_event_manager(context self, const spawn_options& options,
                                      std::vector<handler_spec> handlers) {
  (void)self.id();  // ends the program if this is another process
  return event_manager_ref(internal::launch(*internal::running.home, {options},
                                            "troupe::event_manager", internal::manage_events,
                                            std::move(handlers), options.link)
                               .id);
}

child_spec event_manager(std::string id, std::vector<handler_spec> handlers) {
  auto start = [handlers = std::move(handlers)](internal::engine& home,
                                                const internal::launch_options& options) {
    return internal::launch(home, options, "troupe::event_manager", internal::manage_events,
                            handlers, options.link)
        .id;
  };
  return child_spec({.id = std::move(id), .start = std::move(start), .announces = true});
}

}  // namespace troupe
