#pragma once
// OTP's supervisor as simple as it can be written: what must happen in a tree, in which order, when
// one of its processes ends. It waits for nothing and runs no process.

#include <troupe/supervisor.hpp>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace troupe_test::supervision {

using troupe::restart_type;
using troupe::steady_time;
using troupe::internal::strategy_kind;

enum class kind : std::uint8_t {
  server,   // tells when it is started, and may fail to
  plain,    // a process function
  slow,     // takes its time to stop, perhaps more than it has
  runaway,  // has unlinked itself from its supervisor
  subtree,  // a supervisor
};

// One child of a tree.
struct plan {
  std::string id;
  kind what = kind::plain;
  restart_type type = restart_type::permanent;
  std::chrono::nanoseconds limit = std::chrono::seconds(5);  // to stop
  std::chrono::nanoseconds takes{};                          // a slow one, to stop
  strategy_kind strategy = strategy_kind::one_for_one;       // of a subtree, as the rest
  int intensity = 1;
  std::chrono::nanoseconds period{};
  troupe::auto_shutdown auto_shutdown = troupe::auto_shutdown::never;
  bool significant = false;  // to the supervisor that it is a child of
  std::vector<plan> children = {};
};

enum class ended : std::uint8_t { by_error, normally, by_shutdown, by_kill };

struct event {
  std::string what;
  steady_time when;
};

class model {
 public:
  // `seen` is what did happen: of it the model takes only when a start failed.
  model(const plan& tree, const std::vector<event>& seen) : seen_(seen), top_(made(tree)) {}

  void start();
  // The leaf of that id ends by itself; its supervisor has the news at that time.
  void end(const std::string& id, ended how, steady_time known);
  void shut_down() { stop(top_); }
  // So many of the next starts of a server fail.
  void let_fail(const std::string& id, int times) { failing_[id] = times; }
  // Its next start is ignored.
  void let_ignore(const std::string& id) { ignoring_.insert(id); }

  [[nodiscard]] const std::vector<std::string>& expected() const noexcept { return expected_; }
  // A restart came so close to the edge of the period that either verdict is right.
  [[nodiscard]] bool unsure() const noexcept { return unsure_; }
  // A supervisor has ended because its significant children had.
  [[nodiscard]] bool ended_by_itself() const noexcept { return ended_by_itself_; }
  [[nodiscard]] bool running() const noexcept { return top_.running; }
  [[nodiscard]] bool running(const std::string& id) { return find(top_, id) != nullptr; }
  // When restarts of the leaf's supervisor were counted.
  [[nodiscard]] std::vector<steady_time> restarts_around(const std::string& id);
  [[nodiscard]] const plan* supervisor_of(const std::string& id);

  // How the end of a leaf is told in the events.
  static std::string end_of(const plan& leaf, const std::string& how);

 private:
  struct unit {
    plan what;
    bool running = false;
    std::vector<steady_time> restarts;
    std::vector<unit> children;
  };
  static unit made(const plan& p);
  unit* find(unit& in, const std::string& id, unit** above = nullptr);
  unit* above(unit& in, const unit& child);
  bool start(unit& u);
  void stop(unit& u);
  void child_ended(unit& supervisor, std::size_t index, bool meant, steady_time now, bool exact);
  void restart(unit& supervisor, std::size_t index, steady_time now, bool exact);
  void end_with_children(unit& supervisor, steady_time now);
  static bool is_over(const unit& supervisor);
  bool allow(unit& supervisor, steady_time now, bool exact);
  void say(std::string what) { expected_.push_back(std::move(what)); }
  [[nodiscard]] steady_time time_of_last() const;

  const std::vector<event>& seen_;
  unit top_;
  std::map<std::string, int> failing_;
  std::set<std::string> ignoring_;
  std::vector<std::string> expected_;
  bool unsure_ = false;
  bool ended_by_itself_ = false;
};

}  // namespace troupe_test::supervision
