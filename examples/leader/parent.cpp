#include "roles.hpp"

#include <troupe/net/peer.hpp>

#include <csignal>
#include <iomanip>
#include <iostream>
#include <optional>

#include "ticket.hpp"

namespace leader {
namespace {

using namespace std::chrono_literals;

troupe::pid start_members(troupe::system& system, const troupe::net::node& home,
                          const options& chosen) {
  std::vector<troupe::child_spec> members;
  for (int i = 1; i <= chosen.members; ++i) {
    const std::string name = "member-" + std::to_string(i);
    members.push_back(
        troupe::net::peer_child(name, home,
                                {.name = name + "@127.0.0.1:0",
                                 .arguments = {"--member-of", home.name(), "--lease",
                                               std::to_string(chosen.lease.count())}}));
  }
  return system.supervise(troupe::one_for_one{.intensity = 100}, std::move(members));
}

class show {
 public:
  show(troupe::context self, const troupe::net::directory& names, const options& chosen)
      : self_(self), names_(names), chosen_(chosen), begun_(self.now()) {}

  troupe::task<> run() {
    ticket last = co_await next_ticket();
    say("process " + std::to_string(last.os_process) + " on " + last.node + " gives the tickets");
    for (int i = 0; i < chosen_.kills; ++i) {
      ::kill(last.os_process, SIGKILL);
      const auto killed = self_.now();
      say("process " + std::to_string(last.os_process) + " is killed");
      const ticket now = co_await next_ticket();
      const std::chrono::duration<double> took = self_.now() - killed;
      if (now.term <= last.term || now.os_process == last.os_process)
        throw std::runtime_error("two offices gave tickets of one term");
      say("process " + std::to_string(now.os_process) + " on " + now.node +
          " has taken over after " + std::to_string(took.count()).substr(0, 4) + " s");
      last = now;
    }
    say("all is well: each office had a greater term than those before it");
  }

 private:
  // From whoever gives them now; none if nobody does, or the node is lost.
  troupe::task<std::optional<ticket>> try_ticket() {
    try {
      co_return co_await names_.call(self_, office_name, take{}, 200ms);
    } catch (const troupe::call_error&) {
      co_return std::nullopt;
    }
  }
  troupe::task<ticket> next_ticket() {
    for (;;) {
      const std::optional<ticket> got = co_await try_ticket();
      if (got) co_return *got;
      co_await self_.sleep(10ms);
    }
  }
  void say(const std::string& what) const {
    const std::chrono::duration<double> time = self_.now() - begun_;
    std::cout << std::fixed << std::setprecision(2) << std::setw(7) << time.count() << " s   "
              << what << std::endl;
  }

  troupe::context self_;
  const troupe::net::directory& names_;
  const options& chosen_;
  const troupe::steady_time begun_;
};

}  // namespace

void run_parent(const options& chosen) {
  troupe::system system({.log = troupe::make_stderr_log(troupe::log_level::error)});
  troupe::net::node node(
      system, {.name = "parent@127.0.0.1:0", .cookie = troupe::net::random_cookie(system)});
  // No member has lived before, so nobody can have a lease yet.
  system.supervise(
      troupe::one_for_one{},
      {troupe::net::directory_child("directory", {.max_ttl = chosen.lease, .give_after = 0s})});
  const troupe::pid members = start_members(system, node, chosen);
  const troupe::net::directory names("directory", {.ttl = chosen.lease, .stop_time = 0s});
  system.run([&](troupe::context self) -> troupe::task<> {
    show all(self, names, chosen);
    co_await all.run();
    (void)self.monitor(members);
    self.system().exit(members, troupe::exit_reason::shutdown);  // as from above
    co_await self.receive<troupe::down>();
  });
}

}  // namespace leader
