#pragma once
// Both worlds and a bridge between them, for tests.

#include <troupe/caf.hpp>

#include <caf/all.hpp>

#include <memory>
#include <string>

#include "core/support.hpp"

namespace troupe_test {

using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::request;
using troupe::task;

struct note {
  std::string text;
};
struct add {
  using reply = int;
  int a;
  int b;
};
struct divide {
  using reply = int;
  int a;
  int b;
};
struct position {
  double x;
  double y;
  friend bool operator==(const position&, const position&) = default;
};
struct locate {
  using reply = position;
  std::string name;
};
struct forget {
  using reply = void;
};
struct introduce {
  pid who;
};
struct who_are_you {
  using reply = pid;
};
struct stop {  // end with that reason, see `quit_as`
  std::string how;
};
struct never_answered {
  using reply = int;
};
struct stranger {  // what no test maps
  using reply = int;
  int value;
};

}  // namespace troupe_test

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe_test::note)

namespace troupe_test {

using known_types =
    troupe::caf::types<note, troupe::caf::maps<add, ::caf::add_atom, int, int>,
                       troupe::caf::maps<divide, ::caf::div_atom, int, int>,
                       troupe::caf::maps<position, double, double>,
                       troupe::caf::maps<locate, ::caf::get_atom, std::string>,
                       troupe::caf::maps<forget, ::caf::flush_atom>,
                       troupe::caf::maps<introduce, ::caf::contact_atom, ::caf::actor>,
                       troupe::caf::maps<who_are_you, ::caf::contact_atom>,
                       troupe::caf::maps<stop, ::caf::close_atom, std::string>,
                       troupe::caf::maps<never_answered, ::caf::idle_atom>>;

// The worlds end in the order of declaration reversed: the bridge, our system, CAF's.
struct worlds {
  explicit worlds(troupe::system_options options = {})
      : home(std::move(options)),
        bridge(std::make_unique<troupe::caf::bridge>(guests, *home, known_types{})) {}

  struct two_threads : ::caf::actor_system_config {
    two_threads() { set("scheduler.max-threads", 2); }
  };
  two_threads config;
  ::caf::actor_system guests{config};
  checked_system home;
  std::unique_ptr<troupe::caf::bridge> bridge;
};

// Ends the actor with that reason.
inline void quit_as(::caf::event_based_actor* self, const std::string& how) {
  if (how == "normal") return self->quit();
  if (how == "shutdown") return self->quit(::caf::exit_reason::user_shutdown);
  if (how == "kill") return self->quit(::caf::exit_reason::kill);
  if (how == "unreachable") return self->quit(::caf::exit_reason::remote_link_unreachable);
  if (how == "error") return self->quit(::caf::make_error(::caf::sec::invalid_argument));
  throw std::runtime_error(how);
}

// An actor that does what the messages above ask for.
inline ::caf::behavior calculator(::caf::event_based_actor* self) {
  auto answers = std::make_shared<std::vector<::caf::response_promise>>();
  return {
      [](::caf::add_atom, int a, int b) { return a + b; },
      [](::caf::div_atom, int a, int b) -> ::caf::result<int> {
        if (b == 0) return ::caf::make_error(::caf::sec::invalid_argument);
        return a / b;
      },
      [](::caf::get_atom, const std::string&) -> ::caf::result<double, double> {
        return {1.5, 2.5};
      },
      [](::caf::flush_atom) {},
      [self](::caf::contact_atom) { return ::caf::actor(self); },
      [self](::caf::contact_atom, const ::caf::actor& who) {
        self->send(who, note{"hello from CAF"});
      },
      [self](::caf::close_atom, const std::string& how) { quit_as(self, how); },
      [self, answers](::caf::idle_atom) {
        answers->push_back(self->make_response_promise());
        return answers->back();
      },
  };
}

// A process that does the same.
inline troupe::process our_calculator(context self) {
  std::vector<request<never_answered>> kept;
  for (;;)
    co_await self.receive(
        [](request<add> r) { r.reply(r->a + r->b); },
        [](request<divide> r) {
          if (r->b == 0) throw std::domain_error("division by zero");
          r.reply(r->a / r->b);
        },
        [](request<locate> r) { r.reply(position{1.5, 2.5}); },
        [](request<forget> r) { r.reply(); }, [&](request<who_are_you> r) { r.reply(self.id()); },
        [&](introduce i) { self.send(i.who, note{"hello from troupe"}); }, [](const note&) {},
        [&](request<never_answered> r) { kept.push_back(std::move(r)); },
        [&](stop s) {
          if (s.how == "normal") self.exit(exit_reason::normal);
          if (s.how == "shutdown") self.exit(exit_reason::shutdown);
          throw std::runtime_error(s.how);
        });
}

}  // namespace troupe_test
