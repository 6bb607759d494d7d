// What a running supervisor does when it is asked. (OTP: supervisor:handle_call/3.)
#include "supervision/supervisor_process.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace troupe::internal {

using cause = child_refused::cause;

namespace {

std::string_view text_of(cause why) {
  switch (why) {
    case cause::already_present: return "is known and does not run: restart it or delete it";
    case cause::already_started: return "runs already";
    case cause::not_found: return "is not known";
    case cause::running: return "runs: terminate it first";
    case cause::restarting: return "is being restarted: terminate it first";
    case cause::max_children: return "would be one more than max_children";
    case cause::start_failed: return "did not start";
    case cause::invalid_spec: return "has a specification that contradicts itself";
  }
  return "";
}

}  // namespace

exit_reason refusal(context self, std::string_view child, cause why, pid process,
                    exit_reason reason) {
  return exit_reason::of(child_refused{
      why, fmt::format("supervisor {}: child {} {}", to_string(self.id()), child, text_of(why)),
      process, std::move(reason)});
}

template <class T>
void supervisor_process::refuse(request<T>& asked, std::string_view id, cause why, pid process,
                                exit_reason reason) const {
  asked.fail(refusal(self_, id, why, process, std::move(reason)));
}

known_child* supervisor_process::find(std::string_view id) {
  const auto at = std::find_if(children_.begin(), children_.end(),
                               [&](const known_child& c) { return c.spec.id == id; });
  return at == children_.end() ? nullptr : &*at;
}

template <class T>
known_child* supervisor_process::find_for(request<T>& asked) {
  known_child* const found = find(asked->id);
  if (found == nullptr) refuse(asked, asked->id, cause::not_found);
  return found;
}

template <class T>
known_child* supervisor_process::find_stopped_for(request<T>& asked) {
  known_child* const found = find_for(asked);
  if (found == nullptr || found->state() == child_state::stopped) return found;
  refuse(asked, asked->id,
         found->state() == child_state::running ? cause::running : cause::restarting);
  return nullptr;
}

task<> supervisor_process::handle(request<start_child> asked) {
  const child_record& spec = asked->spec.record();
  if (const known_child* const old = find(spec.id))
    co_return refuse(asked, spec.id, old->process ? cause::already_started : cause::already_present,
                     old->process);
  try {
    check_child(to_string(self_.id()), how_, spec);
  } catch (...) {
    co_return refuse(asked, spec.id, cause::invalid_spec, {},
                     exit_reason::from_current_exception());
  }
  known_child& added = children_.emplace_back(known_child{spec});
  exit_reason failure = co_await start(added);
  if (failure != exit_reason::normal) {
    report(child_event::start_error, added, failure);
    refuse(asked, spec.id, cause::start_failed, {}, std::move(failure));
    co_return children_.pop_back();
  }
  asked.reply(added.process);
  if (!added.process) forget_if_temporary(index_of(added));
}

task<> supervisor_process::handle(request<terminate_child> asked) {
  known_child* const found = find_for(asked);
  if (found == nullptr) co_return;
  co_await stop(*found);
  forget_if_temporary(index_of(*found));
  asked.reply();
}

task<> supervisor_process::handle(request<restart_child> asked) {
  known_child* const found = find_stopped_for(asked);
  if (found == nullptr) co_return;
  exit_reason failure = co_await start(*found);
  if (failure != exit_reason::normal) {
    report(child_event::start_error, *found, failure);
    co_return refuse(asked, asked->id, cause::start_failed, {}, std::move(failure));
  }
  asked.reply(found->process);
}

void supervisor_process::handle(request<delete_child> asked) {
  known_child* const found = find_stopped_for(asked);
  if (found == nullptr) return;
  children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(index_of(*found)));
  asked.reply();
}

void supervisor_process::handle(request<which_children> asked) const {
  std::vector<child_info> all;
  const std::size_t wanted = std::min(children_.size(), asked->limit);
  all.reserve(wanted);
  for (std::size_t i = 0; i < wanted; ++i) {
    const known_child& c = children_[i];
    all.push_back({c.spec.id, c.process, c.state(), c.spec.policy.supervises, c.restarts});
  }
  asked.reply(std::move(all));
}

void supervisor_process::handle(request<count_children> asked) const {
  child_counts counts{.specs = children_.size()};
  for (const known_child& c : children_) {
    counts.active += c.state() == child_state::running;
    ++(c.spec.policy.supervises ? counts.supervisors : counts.workers);
  }
  asked.reply(counts);
}

void supervisor_process::handle(request<get_childspec> asked) {
  if (known_child* const found = find_for(asked)) asked.reply(child_spec(found->spec));
}

}  // namespace troupe::internal
