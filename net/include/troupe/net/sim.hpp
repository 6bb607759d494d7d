#pragma once
// Whole clusters in one deterministic test: nodes, their network and its faults in virtual time, in
// an order that a seed decides. For tests of what is built on troupe, and of troupe itself.

#include <troupe/net/node.hpp>
#include <troupe/sim/simulation.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::sim {

namespace internal {
class host_transport;
class network;
struct life;
}  // namespace internal

/// How the network is when nothing is wrong with it.
struct network_options {
  /// Each direction between two nodes has a latency of its own between these, and a little more or
  /// less for each piece; one piece in a thousand takes ten times as long.
  std::chrono::nanoseconds min_latency = std::chrono::microseconds(50);
  std::chrono::nanoseconds max_latency = std::chrono::milliseconds(5);
  std::size_t bytes_per_second = 100'000'000;
  /// Bytes that are written and not read yet, for each direction of a stream.
  std::size_t buffer = 64 * 1024;
};

struct world_options {
  std::uint64_t seed = 1;
  schedule turns = schedule::by_seed;
  network_options network = {};
  std::size_t history_length = 10'000;
};

/// What goes wrong by itself, each so often on average; 0 is never. All but crashes end by
/// themselves after a time up to `longest`.
struct chaos_options {
  std::chrono::nanoseconds partition = {};   // of some nodes from the others
  std::chrono::nanoseconds one_way = {};     // from one node to another, not back
  std::chrono::nanoseconds stall = {};       // of the connections of two nodes
  std::chrono::nanoseconds cut = {};         // of the connections of two nodes, at some byte
  std::chrono::nanoseconds pause = {};       // of a node
  std::chrono::nanoseconds crash = {};       // of a node, which is restarted after a time
  std::chrono::nanoseconds clock_jump = {};  // of a node's wall clock, up to a day either way
  std::chrono::nanoseconds longest = std::chrono::seconds(30);
  /// The nodes that may crash, by name; empty: all.
  std::vector<std::string> may_crash = {};
};

class world;

/// One machine of a world, with one node on it, which may crash and be started again. Owned by the
/// world.
class sim_node {
 public:
  ~sim_node();
  /// As given to `add_node`; the node's own name is `net().name()`.
  [[nodiscard]] const std::string& label() const noexcept { return label_; }
  /// `label@host:port`: the same in all its lives.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] bool up() const noexcept { return life_ != nullptr; }
  /// Of its present life. Throw std::logic_error while it is down.
  [[nodiscard]] troupe::system& system() const;
  [[nodiscard]] net::node& net() const;
  [[nodiscard]] host& machine() const;

  template <class Function, class... Args>
    requires(!troupe::internal::server_type<Function>)
  pid spawn(Function&& function, Args&&... args) const {
    return system().spawn(std::forward<Function>(function), std::forward<Args>(args)...);
  }
  /// For a server: its typed ref.
  template <troupe::internal::server_type S, class... Args>
  ref<S> spawn(Args&&... args) const {
    return system().spawn<S>(std::forward<Args>(args)...);
  }

 private:
  friend class world;
  sim_node(std::size_t index, std::string label, std::string name);
  std::size_t index_;
  std::string label_;
  std::string name_;
  std::function<void(sim_node&)> boot_;
  net::node_options options_;
  std::unique_ptr<internal::life> life_;
};

/// A process that keeps what it is sent, for tests to look at.
class probe {
 public:
  [[nodiscard]] pid id() const noexcept { return id_; }
  /// The next message of that type, taken out of what was kept; waits for it in virtual time.
  /// Throws `violation` if none comes.
  template <class T>
  T expect(std::chrono::nanoseconds within = std::chrono::seconds(5));
  /// How many messages of that type are kept.
  template <class T>
  [[nodiscard]] std::size_t count() const;

 private:
  friend class world;
  struct box {
    std::vector<message> kept;
  };
  probe(world& in, pid id, std::shared_ptr<box> kept) : in_(&in), id_(id), box_(std::move(kept)) {}
  world* in_;
  pid id_;
  std::shared_ptr<box> box_;
};

/// A simulated cluster. Not for several threads. What its processes refer to outside must outlive
/// it.
///
///     troupe::sim::world w({.seed = seed});
///     auto& a = w.add_node("a");
///     auto& b = w.add_node("b", [](auto& node) { node.system().supervise(...); });
///     w.always("money is conserved", [&] { return total() == 1000; });
///     w.eventually("the client is done", 30s, [&] { return done; });
///     w.chaos({.partition = 10s, .crash = 60s});
///     w.run_for(5min);
///     w.heal();
class world {
 public:
  explicit world(world_options options = {});
  ~world();
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  /// Starts a node, and starts it again after each crash. `boot` gives it its processes each time.
  /// Nodes of a world share a cookie, and tick every 4 s unless the options say otherwise.
  sim_node& add_node(std::string label, std::function<void(sim_node&)> boot = {},
                     net::node_options options = {});
  /// A node on another machine that has the name of that one: what is given out twice by mistake.
  /// It reaches the others; who dials the name reaches the first one.
  sim_node& add_twin(const sim_node& of, std::function<void(sim_node&)> boot = {});
  [[nodiscard]] const std::vector<std::unique_ptr<sim_node>>& nodes() const noexcept {
    return nodes_;
  }
  probe add_probe(sim_node& at);

  // --- time
  [[nodiscard]] steady_time now() const noexcept;
  void run_for(std::chrono::nanoseconds time);
  /// Until the condition holds, which is looked at after each step; false if the time is over
  /// first.
  bool run_until(const std::function<bool()>& holds, std::chrono::nanoseconds limit);
  /// One step, at most to that time; false if there is nothing to do.
  bool step(steady_time limit = steady_time::max());

  // --- what must be
  /// Looked at after each step.
  void always(std::string what, std::function<bool()> holds);
  /// Must come to hold within that time after `heal`, and may hold before.
  void eventually(std::string what, std::chrono::nanoseconds within, std::function<bool()> holds);
  /// Says that something rare has happened; `explore` counts in how many runs it did. The runtime
  /// says so, too, of what is hard to get right.
  void reached(std::string_view what) { sim_.reached(what); }
  /// Ends the run as a failed one. Also for use inside of processes.
  void fail(std::string why);

  // --- what goes wrong
  /// Nothing passes between the one side and the other, either way; connections stay as they are
  /// and see silence.
  void partition(const std::vector<sim_node*>& some, const std::vector<sim_node*>& others);
  void partition(sim_node& a, sim_node& b) { partition({&a}, {&b}); }
  void partition_one_way(sim_node& from, sim_node& to);
  /// The connections of the two are held up for that time; new ones are not.
  void stall(sim_node& a, sim_node& b, std::chrono::nanoseconds time);
  /// What goes from the one to the other takes so much longer, until `heal` or the next call.
  void delay(sim_node& from, sim_node& to, std::chrono::nanoseconds time);
  /// The connections of the two break, each at some byte.
  void cut(sim_node& a, sim_node& b);
  /// The node's OS process is killed: nothing of it runs any more, no destructor either. Its peers
  /// see their connections break, unless the machine lost its power: then they see silence.
  void crash(sim_node& node, bool power_loss = false);
  /// A new life of a node that is down, with another incarnation.
  void restart(sim_node& node);
  void pause(sim_node& node);
  void resume(sim_node& node);
  void chaos(chaos_options options);
  /// Ends all of it for good: chaos, partitions, pauses; nodes that are down are started. Then
  /// waits for all that was to happen `eventually`. Throws `violation` if it does not.
  void heal();
  /// Ends all nodes in good order, and checks that nothing is left of what they had: processes,
  /// links, monitors, timers, names, connections. Throws `violation`. The world is over then.
  void finish();

  // --- about the run
  [[nodiscard]] simulation& engine() noexcept { return sim_; }
  [[nodiscard]] random& chance() noexcept { return draws_; }
  [[nodiscard]] std::uint64_t seed() const noexcept { return sim_.seed(); }
  [[nodiscard]] std::uint64_t steps() const noexcept { return sim_.steps(); }
  [[nodiscard]] std::uint64_t hash() const noexcept { return sim_.hash(); }
  /// A sequence diagram in text; the last lines of it, or all.
  [[nodiscard]] std::string history(std::size_t lines = 0) const { return sim_.history(lines); }
  /// The run as a Chrome trace, for ui.perfetto.dev.
  [[nodiscard]] std::string trace_json() const { return sim_.trace_json(); }

 private:
  friend class sim_node;
  struct promise {
    std::string what;
    std::function<bool()> holds;
    std::chrono::nanoseconds within{};
  };
  struct fault {
    steady_time next;
    std::chrono::nanoseconds mean;
    void (world::*strike)();
  };
  sim_node& add(std::unique_ptr<sim_node> node, std::function<void(sim_node&)> boot,
                net::node_options options);
  void start(sim_node& node);
  void check();
  void inject();
  void end_faults_due();
  void end_faults();
  void say_goodbye();
  void block(const std::vector<sim_node*>& some, const std::vector<sim_node*>& others, bool on);
  void end_later(std::function<void()> end);
  std::chrono::nanoseconds some_time(std::chrono::nanoseconds mean);
  sim_node* some_node(bool must_be_up);
  std::pair<sim_node*, sim_node*> some_pair();  // two different ones, or none
  void strike_partition();
  void strike_one_way();
  void strike_stall();
  void strike_cut();
  void strike_pause();
  void strike_crash();
  void strike_clock();

  simulation sim_;
  random draws_;
  std::unique_ptr<internal::network> network_;
  std::vector<std::unique_ptr<sim_node>> nodes_;
  std::vector<std::unique_ptr<internal::life>> dead_;  // frozen until the world ends
  std::vector<promise> always_;
  std::vector<promise> eventually_;
  chaos_options chaos_;
  std::vector<fault> faults_;
  std::vector<std::pair<steady_time, std::function<void()>>> ends_;  // of faults under way
};

struct explore_options {
  std::uint64_t seeds = 100;
  std::uint64_t first_seed = 1;
  /// Real time; no new seed is begun after it. 0: no limit.
  std::chrono::nanoseconds time_box = {};
  world_options world = {};  // its seed is not looked at
};

struct explored {
  std::uint64_t seeds = 0;
  std::uint64_t steps = 0;
  std::chrono::nanoseconds virtual_time{0};
  std::chrono::nanoseconds real_time{0};
  /// What was `reached`, and in how many runs.
  std::vector<std::pair<std::string, std::uint64_t>> reached;
};

/// Runs the scenario in a world of its own for each seed. A run that fails ends it: prints the line
/// that repeats the run, to standard error, and what happened last, and throws `violation`. With
/// TROUPE_SEED in the environment only that seed is run, and all that happened in it is written to
/// `troupe-SEED.txt`, and for Perfetto to `troupe-SEED.json`.
explored explore(const explore_options& options, const std::function<void(world&)>& scenario);

// --- templates ---

template <class T>
T probe::expect(std::chrono::nanoseconds within) {
  typename std::vector<message>::iterator at;
  const bool found = in_->run_until(
      [&] {
        at = std::find_if(box_->kept.begin(), box_->kept.end(),
                          [](message& m) { return m.get_if<T>() != nullptr; });
        return at != box_->kept.end();
      },
      within);
  if (!found)
    throw violation("no " + std::string(message_type_of<T>.value->name) +
                    " came to the probe in time");
  T taken = std::move(*at->get_if<T>());
  box_->kept.erase(at);
  return taken;
}

template <class T>
std::size_t probe::count() const {
  return static_cast<std::size_t>(std::count_if(
      box_->kept.begin(), box_->kept.end(), [](message& m) { return m.get_if<T>() != nullptr; }));
}

}  // namespace troupe::sim
