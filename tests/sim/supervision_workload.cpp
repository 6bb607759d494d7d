#include "sim/supervision_workload.hpp"

#include "sim/supervision_model.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace troupe_test {

using namespace std::chrono_literals;
using namespace supervision;
using namespace troupe;
using sim::world;

namespace {

// After this nothing is under way any more that began with one end: more than all limits together.
constexpr auto quiet = 120s;
constexpr auto longest_limit = 1s;
// From an order to a process until its supervisor has the news: the turn of the process.
constexpr auto one_turn = 1us;
constexpr int rounds = 12;

struct boom {
  ended how;
};

// What happens in the tree.
struct board {
  world& w;
  std::vector<event> events = {};
  std::map<std::string, pid> processes = {};
  std::map<std::string, int> alive = {};
  std::map<std::string, int> failing = {};
  std::set<std::string> ignoring = {};  // their next start
  std::set<std::string> ignored = {};   // their last start

  void say(std::string what) { events.push_back({std::move(what), w.now()}); }
};

// From the start of a leaf to its end.
class life {
 public:
  life(std::shared_ptr<board> b, plan what)
      // An order to stop ends at once who has not had its first turn.
      : how(what.takes < what.limit ? "in time" : "killed"),
        board_(std::move(b)),
        what_(std::move(what)) {
    if (++board_->alive[what_.id] > 1) board_->w.fail("two of one child live at once");
  }
  life(const life&) = delete;
  life& operator=(const life&) = delete;
  ~life() {
    --board_->alive[what_.id];
    board_->say(model::end_of(what_, how));
  }
  std::string how;

 private:
  std::shared_ptr<board> board_;
  plan what_;
};

[[noreturn]] void end_now(context self, ended how) {
  if (how == ended::normally) self.exit(exit_reason::normal);
  if (how == ended::by_shutdown) self.exit(exit_reason::shutdown);
  throw std::runtime_error("told to end");
}

class leaf_server : public server {
 public:
  using handles = messages<boom>;
  leaf_server(const std::shared_ptr<board>& b, const plan& what) {
    b->ignored.erase(what.id);
    if (b->ignoring.erase(what.id) != 0) {
      b->ignored.insert(what.id);
      b->say("ignore " + what.id);
      b->w.reached("a start was ignored");
      self.exit(troupe::ignore());
    }
    if (b->failing[what.id] > 0) {
      --b->failing[what.id];
      b->say("fail " + what.id);
      throw std::runtime_error("told not to start");
    }
    b->say("init " + what.id);
    life_.emplace(b, what);
  }
  void handle(boom m) { end_now(self, m.how); }

 private:
  std::optional<life> life_;
};

// The life is made with the process, whose first turn may never come.
process plain_leaf(context self, std::shared_ptr<life>, plan what) {
  if (what.what == kind::runaway) self.unlink(self.parent());
  for (;;) co_await self.receive([&](boom m) { end_now(self, m.how); });
}

process slow_leaf(context self, std::shared_ptr<life> here, plan what) {
  self.trap_exits(true);
  here->how = "killed";
  bool asked = false;
  while (!asked)
    co_await self.receive([&](exit_signal e) { asked = e.from == self.parent(); },
                          [&](boom m) {
                            here->how = "by itself";
                            end_now(self, m.how);
                          });
  co_await self.sleep(what.takes);
  here->how = "in time";
}

child_spec spec_of(const std::shared_ptr<board>& b, const plan& p);

std::vector<child_spec> specs_of(const std::shared_ptr<board>& b, const plan& p) {
  std::vector<child_spec> specs;
  for (const plan& child : p.children) specs.push_back(spec_of(b, child));
  return specs;
}

// Calls with the strategy as users write it.
template <class Use>
auto with_strategy(const plan& p, Use use) {
  switch (p.strategy) {
    case strategy_kind::one_for_all:
      return use(one_for_all{p.intensity, p.period, p.auto_shutdown});
    case strategy_kind::rest_for_one:
      return use(rest_for_one{p.intensity, p.period, p.auto_shutdown});
    case strategy_kind::one_for_one: break;
  }
  return use(one_for_one{p.intensity, p.period, p.auto_shutdown});
}

child_spec spec_of(const std::shared_ptr<board>& b, const plan& p) {
  if (p.what == kind::subtree)
    return with_strategy(p, [&](auto how) {
      auto spec = supervisor(p.id, how, specs_of(b, p)).restarted(p.type);
      return p.significant ? std::move(spec).significant() : std::move(spec);
    });
  auto record = p.what == kind::server
                    ? child<leaf_server>(p.id, b, p).record()
                    : internal::child_record{
                          .id = p.id, .start = [b, p](auto& home, auto& options) {
                            const auto leaf = p.what == kind::slow ? slow_leaf : plain_leaf;
                            return internal::launch(home, options, "leaf", leaf,
                                                    std::make_shared<life>(b, p), p)
                                .id;
                          }};
  record.policy.type = p.type;
  record.policy.significant = p.significant;
  record.policy.shutdown = p.limit;
  record.policy.brutal_kill = p.limit == 0ns;
  record.start = [b, id = p.id, start = record.start](auto& home, const auto& options) {
    b->say("start " + id);
    return b->processes[id] = start(home, options);
  };
  return child_spec(std::move(record));
}

// --- chance -----------------------------------------------------------------------------------

plan some_leaf(sim::random& draws, const std::string& id) {
  plan p{.id = id};
  p.what = static_cast<kind>(draws.below(4));
  constexpr restart_type types[] = {restart_type::permanent, restart_type::permanent,
                                    restart_type::transient, restart_type::temporary};
  p.type = types[draws.below(std::size(types))];
  p.limit = draws.one_in(4) ? 0ns : draws.between(100ms, longest_limit);
  if (p.what == kind::slow) p.takes = draws.one_in(2) ? p.limit * 3 / 4 : p.limit * 2;
  return p;
}

plan some_supervisor(sim::random& draws, const std::string& id, int depth) {
  plan p{.id = id, .what = kind::subtree};
  p.type = depth > 0 && draws.one_in(3) ? restart_type::transient : restart_type::permanent;
  p.strategy = static_cast<strategy_kind>(draws.below(3));
  p.intensity = static_cast<int>(draws.below(4));
  // Exact edges are tried in the lower supervisors; the news from these has no exact time.
  p.period = depth == 0 ? std::chrono::nanoseconds(24h) : draws.between(2 * quiet, 4 * quiet);
  p.auto_shutdown =
      draws.one_in(2) ? auto_shutdown::never : static_cast<auto_shutdown>(1 + draws.below(2));
  const std::uint64_t count = 1 + draws.below(4);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string child = id + static_cast<char>('a' + i);
    p.children.push_back(depth == 0 && !draws.one_in(3) ? some_supervisor(draws, child, 1)
                                                        : some_leaf(draws, child));
    plan& made = p.children.back();
    made.significant = p.auto_shutdown != auto_shutdown::never &&
                       made.type != restart_type::permanent && !draws.one_in(3);
  }
  return p;
}

void collect_leaves(const plan& p, std::vector<const plan*>& into) {
  for (const plan& child : p.children) {
    if (child.what == kind::subtree)
      collect_leaves(child, into);
    else
      into.push_back(&child);
  }
}

// --- a run ------------------------------------------------------------------------------------

class run {
 public:
  explicit run(world& w)
      : w_(w), draws_(w.chance()), node_(w.add_node("a")), tree_(some_supervisor(draws_, "", 0)) {
    collect_leaves(tree_, leaves_);
  }

  void go() {
    top_ = with_strategy(
        tree_, [&](auto how) { return node_.system().supervise(how, specs_of(board_, tree_)); });
    model_.start();
    w_.run_for(quiet);
    for (int i = 0; i < rounds && compare() && model_.running(); ++i) end_one();
    if (!compare()) return;
    if (model_.running() && draws_.one_in(2)) end_two();
    shut_down();
  }

 private:
  // Whether all is as the model says so far, and the model is sure of it.
  bool compare() {
    if (model_.unsure()) {
      w_.reached("a restart too close to the edge to tell");
      return false;
    }
    const auto& wanted = model_.expected();
    for (std::size_t i = 0; i < std::max(wanted.size(), board_->events.size()); ++i) {
      const std::string seen = i < board_->events.size() ? board_->events[i].what : "nothing";
      const std::string must = i < wanted.size() ? wanted[i] : "nothing";
      if (seen == must) continue;
      for (const auto& line : wanted) w_.engine().note("the model says: " + line);
      w_.fail("supervision: event " + std::to_string(i) + " is \"" + seen +
              "\"; the model says \"" + must + "\"");
      w_.engine().throw_violation();
    }
    return true;
  }

  const plan* some_running() {
    std::vector<const plan*> running;
    for (const plan* p : leaves_)
      if (p->what != kind::runaway && model_.running(p->id)) running.push_back(p);
    return running.empty() ? nullptr : running[draws_.below(running.size())];
  }

  void tell_to_end(const plan& leaf, ended how) {
    const pid p = board_->processes[leaf.id];
    if (how == ended::by_kill)
      node_.system().exit(p, exit_reason::kill);
    else
      node_.system().send(p, boom{how});
  }

  // To the edge of the period of a restart before, or a little beside it.
  void wait_for_edge(const plan& leaf) {
    const plan& supervisor = *model_.supervisor_of(leaf.id);
    for (const steady_time r : model_.restarts_around(leaf.id)) {
      const steady_time edge =
          r + supervisor.period - one_turn + static_cast<std::int64_t>(draws_.below(3)) * 1us - 1us;
      if (supervisor.period > 1h || edge <= w_.now()) continue;
      w_.run_for(edge - w_.now());
      w_.reached("a restart at the edge of the period");
      return;
    }
  }

  void end_one() {
    const plan* const leaf = some_running();
    if (leaf == nullptr) return;
    if (draws_.one_in(3)) wait_for_edge(*leaf);
    if (const plan* other = leaves_[draws_.below(leaves_.size())];
        other->what == kind::server && draws_.one_in(3)) {
      if (draws_.one_in(3)) {
        board_->ignoring.insert(other->id);
        model_.let_ignore(other->id);
      }
      const int times = 1 + static_cast<int>(draws_.below(3));
      board_->failing[other->id] = times;
      model_.let_fail(other->id, times);
    }
    const auto how = static_cast<ended>(draws_.below(4));
    tell_to_end(*leaf, how);
    const steady_time known = w_.now() + one_turn;
    w_.run_for(quiet);
    model_.end(leaf->id, how, known);
    if (!model_.running()) w_.reached("a whole tree gave up");
    if (model_.ended_by_itself()) w_.reached("a supervisor ended because its children had");
  }

  // In which order their supervisors hear of it is left open, and so is what they do; but in the
  // end every child that must run does, or its supervisor has given up and none does.
  void end_two() {
    w_.reached("two processes ended at once");
    for (int i = 0; i < 2; ++i)
      if (const plan* const leaf = some_running()) tell_to_end(*leaf, ended::by_error);
    w_.run_for(quiet);
    check_whole(tree_);
    loose_ = true;
  }

  void check_whole(const plan& p) {
    std::size_t permanent = 0;
    std::size_t alive = 0;
    std::size_t any = 0;
    for (const plan& child : p.children) {
      if (child.what == kind::subtree) {
        check_whole(child);
        continue;
      }
      if (board_->ignored.contains(child.id)) continue;
      const bool lives = board_->alive[child.id] > 0;
      any += lives;
      if (child.type != restart_type::permanent) continue;
      ++permanent;
      alive += lives;
    }
    if (alive != permanent && any != 0)
      w_.fail("a supervisor has neither restarted a permanent child nor given up");
  }

  void shut_down() {
    node_.system().exit(top_, exit_reason::shutdown);
    const steady_time end = later(w_.now(), quiet);
    w_.run_until([&] { return !node_.system().alive(top_); }, quiet);
    if (w_.now() >= end) w_.fail("a supervisor hangs while it stops its children");
    w_.run_for(1s);
    for (const auto& [id, count] : board_->alive)
      if (count != 0) w_.fail("a child outlives its supervisor: " + id);
    if (loose_) return;
    model_.shut_down();
    compare();
  }

  world& w_;
  sim::random& draws_;
  sim::sim_node& node_;
  plan tree_;
  std::vector<const plan*> leaves_;
  std::shared_ptr<board> board_ = std::make_shared<board>(board{w_});  // processes keep it, too
  model model_{tree_, board_->events};
  pid top_;
  bool loose_ = false;
};

}  // namespace

void run_supervision_workload(world& w) {
  run r(w);
  r.go();
  w.finish();
}

}  // namespace troupe_test
