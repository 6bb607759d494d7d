#include "sim/groups_workload.hpp"

#include <troupe/groups.hpp>
#include <troupe/sys.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace troupe_test {

using namespace troupe;
using namespace std::chrono_literals;
using sim::sim_node;
using sim::world;

namespace {

constexpr std::array scopes = {"pg", "chat"};
constexpr std::size_t small_queue = 40;
constexpr std::array names = {"red", "green", "blue"};

using members = std::multiset<pid>;
using view = std::map<std::string, members>;

// What one process that monitors a scope has been told so far.
struct watched {
  std::string scope;
  view seen;
};
struct run_state {
  world& w;
  std::vector<std::string> nodes = {};
  bool quiet = false;  // nobody joins or leaves any more
  // By node, of its present life.
  std::map<std::string, std::vector<std::shared_ptr<watched>>> watchers = {};
};

struct hello {};

// Nodes that have lost each other find each other again: groups do not see to it.
process keep_connected(context self, run_state* run) {
  self.register_as("keeper");
  for (;;) {
    for (const std::string& other : run->nodes) self.send({"keeper", other}, hello{});
    const steady_time next = later(self.now(), 1s);
    while (self.now() < next) (void)co_await self.receive_within<hello>(next - self.now());
  }
}

// --- members ------------------------------------------------------------------------------------

std::string some(const auto& of, std::uint64_t draw) { return of[draw % of.size()]; }

process member(context self, run_state* run) {
  for (std::uint64_t steps = self.random() % 6 + 1; steps > 0 && !run->quiet; --steps) {
    const groups in(self.system(), some(scopes, self.random()));
    const std::string group = some(names, self.random());
    if (self.random() % 3 > 0)
      in.join(group, std::vector(self.random() % 3 + 1, self.id()));
    else
      in.leave(group, self);
    co_await self.sleep(std::chrono::milliseconds(self.random() % 1'500));
  }
  // Some stay.
  if (self.random() % 4 == 0 || run->quiet) co_await self.receive<hello>();
}

// One who tells other nodes; it is restarted, if it had started.
task<> kill_exchange(context self, run_state* run) {
  const std::string name = "troupe.groups:" + some(scopes, self.random());
  const bool started = (co_await self.try_call(name, sys::get_status{})).has_value();
  if (!started) co_return;
  run->w.reached("an exchange of groups was killed");
  self.exit(self.whereis(name), exit_reason::kill);
}

process driver(context self, run_state* run) {
  while (!run->quiet) {
    const pid made = self.spawn(member, run);
    if (self.random() % 4 == 0)
      groups(self.system(), some(scopes, self.random())).join(some(names, self.random()), made);
    if (self.random() % 5 == 0) self.exit(made, exit_reason::kill);
    if (self.random() % 40 == 0) co_await kill_exchange(self, run);
    co_await self.sleep(std::chrono::milliseconds(self.random() % 2'000));
  }
  co_await self.receive<hello>();
}

// --- who monitors -------------------------------------------------------------------------------

void take(run_state& run, watched& what, const groups::joined& told) {
  if (std::ranges::any_of(told.processes, [](pid p) { return !p.local(); }))
    run.w.reached("a member of another node joined");
  what.seen[told.group].insert(told.processes.begin(), told.processes.end());
}

void take(run_state& run, watched& what, const groups::left& told) {
  members& there = what.seen[told.group];
  for (const pid p : told.processes) {
    if (there.extract(p).empty())
      run.w.fail(to_string(p) + " left " + told.group + " of " + what.scope + " without joining");
    if (!p.local()) run.w.reached("a member of another node left");
  }
  if (there.empty()) what.seen.erase(told.group);
}

process watcher(context self, run_state* run, std::shared_ptr<watched> what) {
  const groups of(self.system(), what->scope);
  for (;;) {
    const auto begun = of.monitor_scope(self);
    what->seen.clear();
    for (const auto& [group, there] : begun.groups)
      what->seen.emplace(group, members(there.begin(), there.end()));
    for (auto told = 20 + self.random() % 200; told > 0; --told)
      co_await self.receive(
          [&](const groups::joined& j) { take(*run, *what, j); },
          [&](const groups::left& l) { take(*run, *what, l); },
          after(run->quiet ? std::chrono::nanoseconds(1h) : 20s, [&] { told = 1; }));
    of.demonitor(self, begun.ref);
  }
}

void boot(run_state& run, sim_node& node) {
  if (!run.watchers.contains(node.label())) run.nodes.push_back(node.name());
  auto& here = run.watchers[node.label()];
  here.clear();
  node.spawn(keep_connected, &run);
  node.spawn(driver, &run);
  // The second scope is used from a later time on, or never before the end.
  const std::size_t watched_now = run.w.chance().below(scopes.size()) + 1;
  for (std::size_t i = 0; i < watched_now; ++i) {
    here.push_back(std::make_shared<watched>(watched{scopes[i], {}}));
    node.spawn(watcher, &run, here.back());
  }
}

// --- what must be -------------------------------------------------------------------------------

view view_of(const groups& of, bool local) {
  view all;
  for (const std::string& group : local ? of.which_local_groups() : of.which_groups()) {
    const auto there = local ? of.local_members(group) : of.members(group);
    all.emplace(group, members(there.begin(), there.end()));
  }
  return all;
}

// What a node sees, as by the nodes themselves: each has numbers of its own for the others.
std::multiset<view> seen_by(sim_node& node, const std::string& scope) {
  std::map<std::uint32_t, view> by_node;
  for (const auto& [group, there] : view_of(groups(node.system(), scope), false))
    for (const pid p : there) by_node[p.node][group].insert(pid{0, p.id});
  std::multiset<view> all;
  for (auto& [index, own] : by_node) all.insert(std::move(own));
  return all;
}

std::multiset<view> truth(const world& w, const std::string& scope) {
  std::multiset<view> all;
  for (const auto& n : w.nodes())
    if (auto own = view_of(groups(n->system(), scope), true); !own.empty())
      all.insert(std::move(own));
  return all;
}

bool all_see_the_same(const run_state& run) {
  return std::ranges::all_of(scopes, [&](const char* scope) {
    const auto real = truth(run.w, scope);
    return std::ranges::all_of(run.w.nodes(),
                               [&](const auto& n) { return seen_by(*n, scope) == real; });
  });
}

bool all_were_told(const run_state& run) {
  return std::ranges::all_of(run.w.nodes(), [&](const auto& n) {
    return std::ranges::all_of(run.watchers.at(n->label()), [&](const auto& what) {
      return what->seen == view_of(groups(n->system(), what->scope), false);
    });
  });
}

sim::chaos_options some_chaos(sim::random& draws) {
  const auto maybe = [&](std::chrono::nanoseconds mean) {
    return draws.one_in(2) ? mean : std::chrono::nanoseconds{};
  };
  return {.partition = maybe(6s),
          .one_way = maybe(6s),
          .stall = maybe(4s),
          .cut = maybe(1s),
          .pause = maybe(6s),
          .crash = maybe(6s),
          .longest = 12s};
}

}  // namespace

void run_groups_workload(world& w) {
  const auto run = std::make_shared<run_state>(run_state{w});  // nodes that crashed keep it, too
  net::node_options options;
  // Some runs have so little room for what waits that connections end by it.
  if (w.chance().one_in(4)) options.max_queued_messages = small_queue;
  for (std::size_t i = 0, count = 2 + w.chance().below(4); i < count; ++i)
    w.add_node(
        std::string(1, static_cast<char>('a' + i)), [run](sim_node& n) { boot(*run, n); }, options);
  w.chaos(some_chaos(w.chance()));
  w.run_for(30s);
  w.chaos({});
  w.run_for(w.chance().between(0s, 5s));
  run->quiet = true;
  w.eventually("all nodes see the members that there are", 60s,
               [run] { return all_see_the_same(*run); });
  w.heal();
  w.run_for(5s);
  if (!all_see_the_same(*run)) w.fail("what all had seen has changed though nobody did anything");
  if (!all_were_told(*run)) w.fail("who monitors was told another story");
  w.engine().throw_violation();
  w.finish();
}

}  // namespace troupe_test
