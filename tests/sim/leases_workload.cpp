#include "sim/leases_workload.hpp"

#include <troupe/net/directory.hpp>
#include <troupe/net/singleton.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sim/lease_faults.hpp"

namespace troupe_test {

using namespace troupe;
using namespace std::chrono_literals;
using net::directory;
using net::lease;
using sim::sim_node;
using sim::world;

namespace {

constexpr std::array names = {"red", "blue", "green"};
constexpr const char* singleton_name = "green";
// A process that was stopped ends when it has had its turn again.
constexpr auto time_to_wake = 1s;

// Somebody who believes that a name is his.
struct holder {
  std::string name;
  std::string node;
  int life = 0;  // of that node
  pid process;
  std::optional<lease> own;  // a singleton's is its keeper's
  std::uint64_t token = 0;
  bool gives_back = false;  // and lives on
};
struct run_state {
  explicit run_state(world& of) : w(of) {}
  world& w;
  bool quiet = false;      // nobody gives anything up any more
  std::uint64_t disk = 1;  // the directory's: its next token
  destination directory_at = {"directory", ""};
  net::lease_options how;
  std::map<std::string, int> lives;
  std::set<std::string> stood;  // nodes that were paused in the step before
  std::map<std::string, steady_time> paused_at;
  std::vector<holder> holders;
  std::map<std::string, std::uint64_t> stored;  // by name: the greatest token that wrote
  std::map<std::string, std::map<std::string, net::name_holder>> seen;  // by node and name
};

sim_node* node_of(const world& w, const std::string& label) {
  const auto at = std::ranges::find(w.nodes(), label, [](const auto& n) { return n->label(); });
  return at->get();
}

bool alive(const run_state& run, const holder& h) {
  sim_node* const n = node_of(run.w, h.node);
  return n->up() && run.lives.at(h.node) == h.life && !h.gives_back && n->system().alive(h.process);
}

bool was_paused(const run_state& run, const holder& h) {
  const auto at = run.paused_at.find(h.node);
  return at != run.paused_at.end() && run.w.now() - at->second < time_to_wake;
}

bool one_holder_each(run_state& run) {
  for (const auto& n : run.w.nodes()) {
    const bool stands = n->up() && n->machine().paused();
    // Time may have passed since the step before.
    if (stands || run.stood.contains(n->label())) run.paused_at[n->label()] = run.w.now();
    if (stands)
      run.stood.insert(n->label());
    else
      run.stood.erase(n->label());
  }
  for (const char* name : names) {
    int live = 0;
    int certain = 0;  // by their own clocks; those of nodes that stand still, too
    for (const holder& h : run.holders) {
      if (h.name != name) continue;
      live += alive(run, h) && !was_paused(run, h) ? 1 : 0;
      certain += h.own && h.own->until() > run.w.now() ? 1 : 0;
    }
    if (live > 1 || certain > 1) return false;
  }
  return true;
}

// What a holder does: others refuse it once a later one has written.
void write(run_state& run, const std::string& name, std::uint64_t token) {
  std::uint64_t& greatest = run.stored[name];
  if (token < greatest) return run.w.reached("a holder that was stopped wrote too late");
  greatest = token;
}

void enter(run_state& run, holder h) {
  std::erase_if(run.holders, [&](const holder& old) {
    return !alive(run, old) && (!old.own || old.own->until() <= run.w.now());
  });
  for (const holder& old : run.holders)
    if (old.name == h.name && h.token != 0 && old.token >= h.token)
      run.w.fail("the tokens of " + h.name + " do not grow");
  run.w.reached(h.own ? "a process got a name" : "a singleton ran");
  run.holders.push_back(std::move(h));
}

// --- who wants a name ---------------------------------------------------------------------------

struct leave {};

std::chrono::nanoseconds some_time(context self, std::chrono::milliseconds most) {
  return most * static_cast<std::int64_t>(self.random() % 1'000) / 1'000;
}

task<std::optional<lease>> get(context self, const directory& from, const std::string& name) {
  if (self.random() % 3 > 0) co_return co_await from.claim(self, name);
  try {
    co_return co_await from.try_claim(self, name);
  } catch (const call_error&) {
    co_return std::nullopt;
  }
}

process contender(context self, run_state* run, std::string node, std::string name) {
  const directory from(run->directory_at, run->how);
  const auto held = co_await get(self, from, name);
  if (!held) co_return;
  if (run->stored[name] >= held->token()) run->w.fail("the tokens of " + name + " do not grow");
  enter(*run, {name, node, run->lives.at(node), self.id(), held, held->token()});
  const bool traps = self.random() % 3 == 0;
  self.trap_exits(traps);
  for (auto steps = self.random() % 40; steps > 0 || run->quiet; steps -= steps > 0 ? 1 : 0) {
    write(*run, name, held->token());
    const auto told = co_await self.receive_within<exit_signal>(some_time(self, 1s));
    if (!told) continue;
    if (told->reason.get_if<net::lease_lost>() != nullptr)
      run->w.reached("a holder that traps exits was told that it has lost its name");
    if (self.random() % 2 == 0) co_await self.receive<leave>();  // too long: it is killed
    co_return;
  }
  if (self.random() % 2 == 0) {
    for (holder& h : run->holders)
      if (h.node == node && h.process == self.id()) h.gives_back = true;
    co_await from.release(self, *held);
    run->w.reached("a holder gave its name back");
    co_await self.sleep(1s);
  }
}

process contend(context self, run_state* run, std::string node, std::string name) {
  for (;;) {
    const pid one = self.spawn(contender, run, node, name);
    const monitor_ref ref = self.monitor(one);
    auto ended = co_await self.receive_within<down>(some_time(self, 60s));
    if (!ended) {
      if (!run->quiet) self.exit(one, exit_reason::kill);
      ended = co_await self.receive<down>([ref](const down& d) { return d.ref == ref; });
    }
    if (ended->reason.get_if<net::lease_lost>() != nullptr)
      run->w.reached("a holder ended because it had lost its name");
    co_await self.sleep(some_time(self, 2s));
  }
}

// Some do not end when their keeper is killed: the guard must end them.
process only_one(context self, run_state* run, std::string node) {
  enter(*run, {singleton_name, node, run->lives.at(node), self.id(), {}, 0});
  const bool stubborn = self.random() % 3 == 0;
  self.trap_exits(stubborn);
  const auto is_meant = [&](const exit_signal& e) {
    return !stubborn || e.reason.get_if<net::lease_lost>() == nullptr;
  };
  auto told = co_await self.receive_within<exit_signal>(some_time(self, 60s), is_meant);
  if (!told && self.random() % 3 == 0 && !run->quiet) {
    self.exit(self.parent(), exit_reason::kill);
    run->w.reached("what kept a singleton was killed");
    told = co_await self.receive<exit_signal>(is_meant);
    co_await self.sleep(some_time(self, 4s));
  }
  while (run->quiet && !told) told = co_await self.receive<exit_signal>();
  if (self.random() % 2 == 0) throw std::runtime_error("a singleton fails");
}

process watcher(context self, run_state* run, std::string node) {
  const directory from(run->directory_at);
  for (const char* name : names) (void)from.watch(self, name);
  for (;;) {
    const auto told = co_await self.receive<net::name_changed>();
    run->seen[node][told.name] = told.holder;
  }
}

// --- the directory ------------------------------------------------------------------------------

process kill_directory(context self, run_state* run) {
  while (!run->quiet) {
    co_await self.sleep(some_time(self, 60s));
    if (const pid at = self.whereis("directory"); at && !run->quiet) {
      self.exit(at, exit_reason::kill);
      run->w.reached("the process of the directory was killed");
    }
  }
}

void boot_directory(run_state* run, sim_node& node) {
  const auto tokens = [run](context) {
    const std::uint64_t first = run->disk;
    run->disk += 1'000'000;
    return first;
  };
  node.system().supervise(
      one_for_one{.intensity = 1'000},
      {net::directory_child("directory", {.max_ttl = run->how.ttl, .tokens = tokens})});
  node.spawn(kill_directory, run);
}

void boot(run_state* run, sim_node& node) {
  ++run->lives[node.label()];
  run->seen[node.label()].clear();
  for (const char* name : {"red", "blue"}) node.spawn(contend, run, node.label(), name);
  node.spawn(watcher, run, node.label());
  node.system().supervise(one_for_one{.intensity = 1'000},
                          {net::singleton(directory(run->directory_at, run->how), singleton_name,
                                          child("only", only_one, run, node.label()))});
}

// --- what must come to be -----------------------------------------------------------------------

bool all_are_held_and_seen(const run_state& run) {
  return std::ranges::all_of(names, [&](const char* name) {
    const auto at = std::ranges::find_if(
        run.holders, [&](const holder& h) { return h.name == name && alive(run, h); });
    if (at == run.holders.end()) return false;
    return std::ranges::all_of(run.seen, [&](const auto& node) {
      const auto told = node.second.find(name);
      if (told == node.second.end() || !told->second.process) return false;
      const bool here = at->node == node.first;
      return told->second.process.local() == here && told->second.process.id == at->process.id;
    });
  });
}

}  // namespace

void run_leases_workload(world& w) {
  const auto run = std::make_shared<run_state>(w);  // nodes that crashed keep it, too
  run->how = {.ttl = 8s, .stop_time = w.chance().one_in(2) ? 500ms : 2s};
  const auto& home = w.add_node("home", [run](sim_node& n) { boot_directory(run.get(), n); });
  run->directory_at = {"directory", home.name()};
  for (std::size_t i = 0, count = 2 + w.chance().below(2); i < count; ++i)
    w.add_node(std::string(1, static_cast<char>('a' + i)),
               [run](sim_node& n) { boot(run.get(), n); });
  w.always("a name has one holder at most", [run] { return one_holder_each(*run); });
  w.chaos(faults_for_leases(w.chance()));
  w.run_for(2min);
  w.chaos({});
  run->quiet = true;
  w.eventually("every name has a holder and all who watch it know", 90s,
               [run] { return all_are_held_and_seen(*run); });
  w.heal();
  w.run_for(20s);
  if (!all_are_held_and_seen(*run)) w.fail("a name was lost though nothing went wrong");
  w.engine().throw_violation();
  w.finish();
}

}  // namespace troupe_test
