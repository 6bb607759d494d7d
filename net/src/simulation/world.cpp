#include <troupe/net/sim.hpp>

#include "simulation/network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace troupe::sim {

using namespace std::chrono_literals;

namespace {

constexpr std::uint16_t first_port = 7'001;
constexpr auto default_tick_time = 4s;
constexpr std::string_view cookie = "the cookie of a simulated world, which nobody needs to guess";

}  // namespace

// One life of a node, from its start to its crash or the end of the world.
struct internal::life {
  life(simulation& sim, network& in, std::size_t index, const std::string& name)
      : where(sim.add_host(name)),
        options(where.options()),
        transport(in, where, index, options.log),
        system(options) {}

  host& where;
  system_options options;
  host_transport transport;
  troupe::system system;
  std::unique_ptr<net::node> node;
};

// --- nodes --------------------------------------------------------------------------------------

sim_node::sim_node(std::size_t index, std::string label, std::string name)
    : index_(index), label_(std::move(label)), name_(std::move(name)) {}

sim_node::~sim_node() = default;

namespace {
[[noreturn]] void throw_down(const std::string& label) {
  throw std::logic_error("troupe: the simulated node " + label +
                         " is down: it crashed and was not restarted");
}
}  // namespace

troupe::system& sim_node::system() const {
  if (life_ == nullptr) throw_down(label_);
  return life_->system;
}

net::node& sim_node::net() const {
  if (life_ == nullptr || life_->node == nullptr) throw_down(label_);
  return *life_->node;
}

host& sim_node::machine() const {
  if (life_ == nullptr) throw_down(label_);
  return life_->where;
}

sim_node& world::add_node(std::string label, std::function<void(sim_node&)> boot,
                          net::node_options options) {
  const std::size_t index = nodes_.size();
  std::string name = fmt::format("{}@127.0.0.1:{}", label, first_port + index);
  return add(std::unique_ptr<sim_node>(new sim_node(index, std::move(label), std::move(name))),
             std::move(boot), std::move(options));
}

sim_node& world::add_twin(const sim_node& of, std::function<void(sim_node&)> boot) {
  network_->hide(nodes_.size());
  return add(std::unique_ptr<sim_node>(new sim_node(nodes_.size(), of.label_ + "'", of.name_)),
             std::move(boot), of.options_);
}

sim_node& world::add(std::unique_ptr<sim_node> node, std::function<void(sim_node&)> boot,
                     net::node_options options) {
  sim_node& made = *nodes_.emplace_back(std::move(node));
  made.boot_ = std::move(boot);
  made.options_ = std::move(options);
  if (made.options_.tick_time == net::node_options().tick_time)
    made.options_.tick_time = default_tick_time;
  made.options_.name = made.name_;
  made.options_.cookie = cookie;
  start(made);
  return made;
}

void world::start(sim_node& node) {
  network_->power_up(node.index_);
  node.life_ = std::make_unique<internal::life>(sim_, *network_, node.index_, node.label_);
  node.options_.carrier = &node.life_->transport;
  node.life_->node = std::make_unique<net::node>(node.life_->system, node.options_);
  if (node.boot_) node.boot_(node);
}

probe world::add_probe(sim_node& at) {
  auto kept = std::make_shared<probe::box>();
  const pid id = at.spawn([kept](context self) -> process {
    for (;;) kept->kept.push_back(co_await self.receive<message>());
  });
  return {*this, id, std::move(kept)};
}

// --- life of a world ----------------------------------------------------------------------------

world::world(world_options options)
    : sim_(
          {.seed = options.seed, .turns = options.turns, .history_length = options.history_length}),
      draws_(options.seed, "world"),
      network_(std::make_unique<internal::network>(sim_, options.network)) {
  sim_.after_each_step([this] { check(); });
}

void world::end_faults() {
  faults_.clear();
  ends_.clear();
  network_->unblock_all();
  for (const auto& node : nodes_)
    if (node->up()) node->machine().resume();
}

void world::say_goodbye() {
  end_faults();
  for (const auto& node : nodes_)
    if (node->up()) node->life_->node = nullptr;
}

void world::finish() {
  always_.clear();
  say_goodbye();
  for (const auto& node : nodes_)
    if (node->up()) sim_.end_all(node->machine());
  for (const auto& node : nodes_) node->life_ = nullptr;
  sim_.throw_violation();
}

// What still lives is ended in good order, so that no memory is leaked; what crashed is thawed for
// it. Nobody looks on any more.
world::~world() {
  sim_.stop_checking();
  say_goodbye();
  for (const auto& node : nodes_) node->life_ = nullptr;
  for (auto& life : dead_) {
    life->where.resume();
    life->node = nullptr;
    life = nullptr;
  }
}

// --- time ---------------------------------------------------------------------------------------

steady_time world::now() const noexcept { return sim_.now(); }

bool world::step(steady_time limit) {
  steady_time next = limit;
  for (const fault& f : faults_) next = std::min(next, f.next);
  for (const auto& [when, end] : ends_) next = std::min(next, when);
  if (next <= now()) {
    end_faults_due();
    inject();
    return true;
  }
  if (sim_.step(next)) return true;
  if (next >= limit) return false;
  sim_.run_for(next - now());
  return true;
}

void world::run_for(std::chrono::nanoseconds time) {
  const steady_time end = later(now(), time);
  while (now() < end && step(end)) {
  }
  if (now() < end) sim_.run_for(end - now());
}

bool world::run_until(const std::function<bool()>& holds, std::chrono::nanoseconds limit) {
  const steady_time end = later(now(), limit);
  while (!holds()) {
    if (now() >= end) return false;
    if (!step(end)) sim_.run_for(end - now());
  }
  return true;
}

// --- what must be -------------------------------------------------------------------------------

void world::always(std::string what, std::function<bool()> holds) {
  always_.push_back({std::move(what), std::move(holds), {}});
}

void world::eventually(std::string what, std::chrono::nanoseconds within,
                       std::function<bool()> holds) {
  eventually_.push_back({std::move(what), std::move(holds), within});
}

void world::check() {
  for (const promise& p : always_)
    if (!p.holds()) return sim_.fail("not always: " + p.what);
}

void world::fail(std::string why) { sim_.fail(std::move(why)); }

// --- what goes wrong ----------------------------------------------------------------------------

namespace {
std::string labels(const std::vector<sim_node*>& nodes) {
  std::string out;
  for (const sim_node* n : nodes) out += (out.empty() ? "" : " ") + n->label();
  return out;
}
}  // namespace

void world::partition(const std::vector<sim_node*>& some, const std::vector<sim_node*>& others) {
  sim_.note("partition of " + labels(some) + " from " + labels(others));
  block(some, others, true);
}

void world::block(const std::vector<sim_node*>& some, const std::vector<sim_node*>& others,
                  bool on) {
  for (const sim_node* a : some)
    for (const sim_node* b : others) {
      network_->block(a->index_, b->index_, on);
      network_->block(b->index_, a->index_, on);
    }
}

void world::partition_one_way(sim_node& from, sim_node& to) {
  sim_.note("nothing passes from " + from.label_ + " to " + to.label_);
  network_->block(from.index_, to.index_, true);
}

void world::stall(sim_node& a, sim_node& b, std::chrono::nanoseconds time) {
  sim_.note("the connections of " + a.label_ + " and " + b.label_ + " are held up");
  network_->stall(a.index_, b.index_, time);
}

void world::delay(sim_node& from, sim_node& to, std::chrono::nanoseconds time) {
  sim_.note("what goes from " + from.label_ + " to " + to.label_ + " is delayed");
  network_->delay_by(from.index_, to.index_, time);
}

void world::cut(sim_node& a, sim_node& b) {
  sim_.note("the connections of " + a.label_ + " and " + b.label_ + " are cut");
  network_->cut(a.index_, b.index_);
}

void world::crash(sim_node& node, bool power_loss) {
  if (node.life_ == nullptr) throw_down(node.label_);
  sim_.note(node.label_ + (power_loss ? " loses its power" : " is killed"));
  node.life_->where.pause();
  network_->crash(node.life_->transport, power_loss);
  dead_.push_back(std::move(node.life_));
}

void world::restart(sim_node& node) {
  if (node.life_ != nullptr)
    throw std::logic_error("troupe: the simulated node " + node.label_ + " is up: crash it first");
  sim_.note(node.label_ + " is started again");
  start(node);
}

void world::pause(sim_node& node) {
  sim_.note(node.label_ + " is paused");
  node.machine().pause();
}

void world::resume(sim_node& node) {
  sim_.note(node.label_ + " is resumed");
  node.machine().resume();
}

void world::heal() {
  sim_.note("all faults end");
  end_faults();
  for (const auto& node : nodes_)
    if (!node->up()) restart(*node);
  sim_.throw_violation();
  const steady_time start = now();
  for (const promise& p : eventually_)
    if (!run_until(p.holds, p.within - (now() - start)))
      throw violation(fmt::format("not within {} s after all faults had ended: {}",
                                  std::chrono::duration<double>(p.within).count(), p.what));
}

}  // namespace troupe::sim
