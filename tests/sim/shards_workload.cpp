#include "sim/shards_workload.hpp"

#include <troupe/net/sharding.hpp>

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
using net::shard_key;
using sim::sim_node;
using sim::world;

namespace {

constexpr std::array keys = {"red", "blue", "green", "white", "black"};
// A process that was stopped ends when it has had its turn again.
constexpr auto time_to_wake = 2s;

struct tenant {
  std::string key;
  std::string node;
  int life = 0;  // of that node
  pid process;
  std::uint64_t token = 0;
};
// Who sends: a process of one life of a node.
using sender = std::pair<std::string, std::uint64_t>;

struct run_state {
  explicit run_state(world& of) : w(of) {}
  world& w;
  bool quiet = false;      // nothing is broken on purpose any more
  std::uint64_t disk = 1;  // the directory's: its next token
  destination directory_at = {"directory", ""};
  net::lease_options how;
  net::sharding_options options;
  std::map<std::string, int> lives;
  std::uint64_t senders = 0;
  std::set<std::string> stood;  // nodes that were paused in the step before
  std::map<std::string, steady_time> paused_at;
  std::vector<tenant> tenants;
  std::map<std::string, std::uint64_t> stored;  // by key: the greatest token that wrote
  std::map<std::pair<std::string, sender>, std::uint64_t> last;  // by key: the last that came
  std::set<std::pair<std::string, std::string>> answered;  // by node and key, while it is quiet
};

struct shard_put {
  sender from;
  std::uint64_t count = 0;
};
struct shard_ask {
  using reply = std::uint64_t;  // the token
  std::chrono::nanoseconds takes{};
  bool crash = false;
};

sim_node* node_of(const world& w, const std::string& label) {
  const auto at = std::ranges::find(w.nodes(), label, [](const auto& n) { return n->label(); });
  return at->get();
}

bool alive(const run_state& run, const tenant& t) {
  sim_node* const n = node_of(run.w, t.node);
  return n->up() && run.lives.at(t.node) == t.life && n->system().alive(t.process);
}

bool was_paused(const run_state& run, const tenant& t) {
  const auto at = run.paused_at.find(t.node);
  return at != run.paused_at.end() && run.w.now() - at->second < time_to_wake;
}

bool one_process_each(run_state& run) {
  for (const auto& n : run.w.nodes()) {
    const bool stands = n->up() && n->machine().paused();
    // Time may have passed since the step before.
    if (stands || run.stood.contains(n->label())) run.paused_at[n->label()] = run.w.now();
    if (stands)
      run.stood.insert(n->label());
    else
      run.stood.erase(n->label());
  }
  for (const char* key : keys) {
    int live = 0;
    for (const tenant& t : run.tenants)
      live += t.key == key && alive(run, t) && !was_paused(run, t) ? 1 : 0;
    if (live > 1) return false;
  }
  return true;
}

std::chrono::nanoseconds some_time(context self, std::chrono::milliseconds most) {
  return most * static_cast<std::int64_t>(self.random() % 1'000) / 1'000;
}

// --- the process of a key -----------------------------------------------------------------------

void enter(run_state& run, tenant t) {
  std::erase_if(run.tenants, [&](const tenant& old) { return !alive(run, old); });
  std::uint64_t& greatest = run.stored[t.key];
  if (t.token < greatest && !was_paused(run, t))
    run.w.fail("the tokens of " + t.key + " do not grow");
  if (greatest != 0)
    run.w.reached(t.token <= greatest ? "a key got a process where it had one before"
                                      : "a key got a process on another node than before");
  greatest = std::max(greatest, t.token);
  run.tenants.push_back(std::move(t));
}

class holder : public server {
 public:
  using handles = messages<shard_put, shard_ask, exit_signal>;
  holder(const shard_key& at, run_state* run, const std::string& node)
      : run_(run), own_{at.key, node, run->lives.at(node), self.id(), at.token} {
    enter(*run_, own_);
    // Some do not end when they are asked to.
    self.trap_exits(self.random() % 3 == 0);
  }
  void handle(const shard_put& m) {
    if (!wrote()) return;
    std::uint64_t& last = run_->last[{own_.key, m.from}];
    if (m.count <= last) run_->w.fail("what was sent to " + own_.key + " came twice or too late");
    last = m.count;
  }
  task<std::uint64_t> handle(shard_ask m) {
    co_await self.sleep(m.takes);
    if (m.crash) throw std::runtime_error("a key's process fails");
    wrote();
    co_return own_.token;
  }
  void handle(const exit_signal&) {
    run_->w.reached("a process of a key did not end when it was asked to");
  }

 private:
  // What it writes to refuses it once a later one has written.
  bool wrote() {
    std::uint64_t& greatest = run_->stored[own_.key];
    if (own_.token < greatest) {
      run_->w.reached("the process of a key that was stopped wrote too late");
      return false;
    }
    greatest = own_.token;
    return true;
  }

  run_state* run_;
  const tenant own_;
};

const net::sharding<holder> holders("holders");

// --- who uses keys ------------------------------------------------------------------------------

process use_keys(context self, run_state* run, std::string node) {
  const sender me{node, ++run->senders};
  std::uint64_t sent = 0;
  for (std::size_t turn = 0;; ++turn) {
    // In the end each node asks for all keys, and that is no matter of luck.
    const std::string key = keys[(run->quiet ? turn : self.random()) % keys.size()];
    for (auto n = self.random() % 4; n > 0; --n) holders.send(self, key, shard_put{me, ++sent});
    if (run->quiet || self.random() % 2 == 0) {
      shard_ask ask{.takes = self.random() % 4 == 0 ? some_time(self, 4s) : 0s,
                    .crash = !run->quiet && self.random() % 10 == 0};
      const auto limit = some_time(self, 8s) + 1s;
      const auto answer = co_await holders.try_call(self, key, ask, limit);
      if (answer && run->quiet) run->answered.emplace(node, key);
    }
    co_await self.sleep(some_time(self, 1s));
  }
}

process break_region(context self, run_state* run) {
  while (!run->quiet) {
    co_await self.sleep(some_time(self, 40s));
    const pid at = self.whereis(holders.name());
    if (!at || run->quiet) continue;
    const bool kill = self.random() % 2 == 0;
    self.exit(at, kill ? exit_reason::kill : exit_reason::shutdown);
    run->w.reached(kill ? "the region of a node was killed" : "the region of a node was stopped");
  }
}

process look(context self, run_state* run) {
  for (;;) {
    co_await self.sleep(some_time(self, 5s));
    try {
      if ((co_await holders.status(self)).buffered > 0) run->w.reached("mail waited for a shard");
    } catch (const call_error&) {  // the region has just ended
    }
  }
}

// --- nodes --------------------------------------------------------------------------------------

void boot_directory(run_state* run, sim_node& node) {
  ++run->lives[node.label()];
  const auto tokens = [run](context) {
    const std::uint64_t first = run->disk;
    run->disk += 1'000'000;
    return first;
  };
  node.system().supervise(
      one_for_one{.intensity = 1'000},
      {net::directory_child("directory", {.max_ttl = run->how.ttl, .tokens = tokens})});
  const directory names(run->directory_at, run->how);
  node.system().supervise(one_for_one{.intensity = 1'000},
                          {holders.proxy(node.net(), names, run->options)});
  node.spawn(use_keys, run, node.label());
}

// Nodes find each other as long as they live.
process meet(context self, net::node* own, std::vector<std::string> others) {
  for (;;) {
    for (const std::string& other : others) {
      try {
        co_await own->connect(self, other);
      } catch (const net::node_error&) {  // it is away
      }
    }
    co_await self.sleep(2s);
  }
}

void boot(run_state* run, sim_node& node) {
  ++run->lives[node.label()];
  const directory names(run->directory_at, run->how);
  node.system().supervise(one_for_one{.intensity = 1'000},
                          {holders.child(node.net(), names, run->options, run, node.label())});
  std::vector<std::string> others;
  for (const auto& n : run->w.nodes())
    if (n->name() != node.name()) others.push_back(n->name());
  node.spawn(meet, &node.net(), others);
  node.spawn(use_keys, run, node.label());
  node.spawn(use_keys, run, node.label());
  node.spawn(break_region, run);
  node.spawn(look, run);
}

bool all_keys_answer(const run_state& run) {
  return std::ranges::all_of(run.w.nodes(), [&](const auto& n) {
    return std::ranges::all_of(
        keys, [&](const char* key) { return run.answered.contains({n->label(), key}); });
  });
}

}  // namespace

void run_shards_workload(world& w) {
  const auto run = std::make_shared<run_state>(w);  // nodes that crashed keep it, too
  run->how = {.ttl = 8s, .stop_time = w.chance().one_in(2) ? 500ms : 2s};
  run->options = {.shards = 4, .idle = 3s, .stop_time = w.chance().one_in(2) ? 1s : 5s};
  const auto& home = w.add_node("home", [run](sim_node& n) { boot_directory(run.get(), n); });
  run->directory_at = {"directory", home.name()};
  for (std::size_t i = 0, count = 2 + w.chance().below(2); i < count; ++i)
    w.add_node(std::string(1, static_cast<char>('a' + i)),
               [run](sim_node& n) { boot(run.get(), n); });
  w.always("a key has one process at most", [run] { return one_process_each(*run); });
  w.chaos(faults_for_leases(w.chance()));
  w.run_for(1min);
  w.chaos({});
  run->quiet = true;
  run->answered.clear();
  w.eventually("every key answers to every node", 90s, [run] { return all_keys_answer(*run); });
  w.heal();
  w.engine().throw_violation();
  w.finish();
}

}  // namespace troupe_test
