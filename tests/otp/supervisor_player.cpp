// Plays histories of supervisors on troupe: what supervisors.escript does on Erlang/OTP.
#include "otp/script.hpp"

#include <troupe/sim/simulation.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace otp {
namespace {

using troupe::child_refused;
using troupe::child_state;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::task;
using namespace std::chrono_literals;

// --- what the children do, written down ---------------------------------------------------------

class diary {
 public:
  enum class answer : std::uint8_t { start, fail, ignore };
  struct event {
    std::string id;
    std::string text;
  };
  // Of the starts of a child: how many there were, which fail, which are ignored, and from which on
  // all fail until it is healed (0: none). How often a broken child is tried is not told.
  struct starts {
    int so_far = 0;
    std::set<int> fails = {}, ignores = {};
    int broken_from = 0;
    [[nodiscard]] bool broken(int n) const { return broken_from != 0 && n >= broken_from; }
  };

  void plan(const std::string& id, starts s) { plans_[id] = std::move(s); }
  void heal(const std::string& id) { plans_[id].broken_from = 0; }
  [[nodiscard]] bool has_broken() const {
    return std::any_of(plans_.begin(), plans_.end(),
                       [](const auto& p) { return p.second.broken(p.second.so_far); });
  }
  answer starting(const std::string& id, pid process) {
    starts& s = plans_[id];
    const int n = ++s.so_far;
    if (s.broken(n)) return answer::fail;
    const bool fails = s.fails.contains(n);
    const bool ignores = !fails && s.ignores.contains(n);
    events_.push_back({id, '+' + id + (fails ? " fails" : ignores ? " ignores" : "")});
    if (fails) return answer::fail;
    if (ignores) return answer::ignore;
    running_[id] = last_[id] = process;
    return answer::start;
  }
  void ended(const std::string& id, const std::string& why) {
    events_.push_back({id, '-' + id + ' ' + why});
    running_.erase(id);
  }
  [[nodiscard]] std::vector<event> take() { return std::exchange(events_, {}); }
  [[nodiscard]] std::size_t count() const { return events_.size(); }
  [[nodiscard]] const std::map<std::string, pid>& running() const { return running_; }
  [[nodiscard]] std::string running_as(pid process) const {
    for (const auto& [id, p] : running_)
      if (p == process) return id;
    return "x";
  }
  [[nodiscard]] pid last(const std::string& id) const {
    const auto at = last_.find(id);
    return at == last_.end() ? pid{} : at->second;
  }

  // Of the script that is played now: what crosses to children are texts only.
  static inline diary* open = nullptr;

 private:
  std::map<std::string, starts> plans_;
  std::map<std::string, pid> running_, last_;
  std::vector<event> events_;
};

// --- the children -------------------------------------------------------------------------------

struct crash {
  std::string why;
};
struct hold {};
struct are_you_there {
  using reply = void;
};

// Plain children stop when they are asked to. Others trap exits and are in a handler all their
// life, so that they may be slow to stop (`slow:reason`) or do not (`stubborn`).
class actor : public troupe::server {
 public:
  using handles = troupe::messages<crash, hold, are_you_there>;
  actor(std::string id, std::string kind) : id_(std::move(id)), kind_(std::move(kind)) {
    const diary::answer told = diary::open->starting(id_, self.id());
    if (told == diary::answer::fail) throw std::runtime_error("init failed");
    if (told == diary::answer::ignore) self.exit(troupe::ignore());
    if (kind_ == "plain") return;
    self.trap_exits(true);
    self.send(self, hold{});
  }
  ~actor() override { diary::open->ended(id_, why_); }
  void terminate(const exit_reason& reason) override { why_ = word_of(reason); }

  void handle(const crash& c) {
    if (c.why == "error") throw std::runtime_error("boom");
    self.exit(reason_of(c.why));
  }
  void handle(are_you_there) {}
  task<> handle(hold) {
    for (;;) {
      bool stopping = false;
      co_await self.receive([&](const crash& c) { handle(c); },
                            [](troupe::request<are_you_there> r) { r.reply(); },
                            [&](const troupe::exit_signal& e) {
                              stopping = kind_ != "stubborn" && e.reason == exit_reason::shutdown;
                            });
      if (!stopping) continue;
      co_await self.sleep(1ms);
      self.exit(reason_of(kind_.substr(kind_.find(':') + 1)));
    }
  }

 private:
  std::string id_;
  std::string kind_;
  std::string why_ = "killed";  // who is killed is not asked
};

// --- specifications -----------------------------------------------------------------------------

std::set<int> numbers(std::string_view key, const words& options) {
  std::set<int> all;
  for (const std::string& option : options) {
    if (!option.starts_with(key)) continue;
    std::string list = option.substr(key.size());
    std::replace(list.begin(), list.end(), '+', ' ');
    for (const std::string& n : split(list)) all.insert(std::stoi(n));
  }
  return all;
}
void plan(const words& child) {
  const std::set<int> broken = numbers("broken:", child);
  diary::open->plan(child[0], {.fails = numbers("fail:", child),
                               .ignores = numbers("ignore:", child),
                               .broken_from = broken.empty() ? 0 : *broken.begin()});
}

template <class Strategy>
Strategy strategy_of(const std::string& intensity, const std::string& end) {
  Strategy how;
  how.intensity = std::stoi(intensity);
  how.period = 1h;
  how.auto_shutdown = end == "any"   ? troupe::auto_shutdown::any_significant
                      : end == "all" ? troupe::auto_shutdown::all_significant
                                     : troupe::auto_shutdown::never;
  return how;
}
// Calls the function with the strategy that `w` (its name, intensity, automatic shutdown) means.
template <class Function>
auto with_strategy(const words& w, Function function) {
  if (w[0] == "one_for_all") return function(strategy_of<troupe::one_for_all>(w[1], w[2]));
  if (w[0] == "rest_for_one") return function(strategy_of<troupe::rest_for_one>(w[1], w[2]));
  return function(strategy_of<troupe::one_for_one>(w[1], w[2]));
}

// The settings of a line `id restart shutdown kind options...`.
template <class Spec>
Spec with_settings(Spec spec, const words& w) {
  using enum troupe::restart_type;
  spec = std::move(spec).restarted(w[1] == "permanent"   ? permanent
                                   : w[1] == "transient" ? transient
                                                         : temporary);
  if (w[2] == "brutal")
    spec = std::move(spec).brutal_kill();
  else
    spec = std::move(spec).shutdown(
        w[2] == "infinity" ? troupe::infinity : std::chrono::milliseconds(std::stoi(w[2])));
  if (std::find(w.begin(), w.end(), "significant") != w.end()) spec = std::move(spec).significant();
  return spec;
}

troupe::child_spec spec_of(const words& w, const std::vector<words>& all) {
  if (w[3] != "sup") return with_settings(troupe::child<actor>(w[0], w[0], w[3]), w);
  std::vector<troupe::child_spec> below;
  for (const words& other : all)
    if (other[0].starts_with(w[0] + '.')) below.push_back(spec_of(other, all));
  const auto is = std::find(w.begin(), w.end(), "is");
  return with_strategy(words(is + 1, w.end()), [&](auto how) {
    return with_settings(troupe::supervisor(w[0], how, std::move(below)), w);
  });
}
std::vector<troupe::child_spec> top_specs(const std::vector<words>& all) {
  std::vector<troupe::child_spec> specs;
  for (const words& w : all)
    if (w[0].find('.') == std::string::npos) specs.push_back(spec_of(w, all));
  return specs;
}

// --- the driver ---------------------------------------------------------------------------------

using dynamic_ref = troupe::dynamic_supervisor_ref<std::string, std::string>;

class driver {
 public:
  driver(troupe::system& system, diary& book) : system_(system), book_(book) {}

  std::string play(const script& what) {
    auto line = what.lines.begin();
    for (; line != what.lines.end() && *line != "start"; ++line, ++step_) {
      words w = split(*line);
      if (w[0] == "sup") top_ = words(w.begin() + 1, w.end());
      if (w[0] != "child") continue;
      w.erase(w.begin());
      plan(children_.emplace_back(std::move(w)));
    }
    if (line == what.lines.end() || top_.empty())
      throw std::logic_error("no supervisor is started");
    ++step_;
    start();
    system_.run([&](context self) -> task<> {
      if (tree_) ends_ = self.monitor(tree_);
      co_await settle(self, false);
      while (++line != what.lines.end()) {
        ++step_;
        const words w = split(*line);
        co_await take_step(self, w);
        co_await settle(self, w[0] == "kill");
      }
    });
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool dynamic() const { return !top_.empty() && top_[0] == "simple_one_for_one"; }
  [[nodiscard]] troupe::supervisor_ref fixed_ref() const { return troupe::supervisor_ref(tree_); }
  [[nodiscard]] dynamic_ref children_ref() const { return dynamic_ref(tree_); }
  void say(const std::string& text) { out_ += std::to_string(step_) + ' ' + text + '\n'; }

  void start() {
    try {
      if (dynamic()) {
        auto child = troupe::child<actor, std::string, std::string>();
        tree_ = system_.supervise(strategy_of<troupe::dynamic>(top_[1], top_[2]),
                                  with_settings(std::move(child), children_.at(0)));
      } else {
        tree_ = with_strategy(
            top_, [&](auto how) { return system_.supervise(how, top_specs(children_)).id(); });
      }
      say("started");
    } catch (const troupe::start_failed& e) {
      // Its reason begins: child ID: ...
      const std::string text(e.reason().text());
      say("start failed " + text.substr(6, text.find(':') - 6));
    }
  }

  task<> take_step(context self, const words& w) {
    if (w[0] == "crash") co_return co_await end_child(self, w[1], w[2]);
    if (w[0] == "heal") co_return book_.heal(w[1]);
    if (!tree_) co_return say("gone");
    if (w[0] == "stop") co_return co_await end_tree(self, exit_reason::shutdown);
    if (w[0] == "kill") co_return co_await end_tree(self, exit_reason::kill);
    if (w[0] == "add") co_return co_await add(self, words(w.begin() + 1, w.end()));
    if (w[0] == "terminate" && dynamic()) co_return co_await terminate_dynamic(self, w[1]);
    if (w[0] == "terminate") co_return co_await ask(self, troupe::terminate_child{w[1]});
    if (w[0] == "delete") co_return co_await ask(self, troupe::delete_child{w[1]});
    if (w[0] == "restart") co_return co_await ask(self, troupe::restart_child{w[1]});
    throw std::logic_error("no such step: " + w[0]);
  }

  task<> end_child(context self, const std::string& id, const std::string& why) {
    const auto at = book_.running().find(id);
    if (at == book_.running().end()) co_return say("none");
    const pid child = at->second;
    const troupe::monitor_ref ref = self.monitor(child);
    if (why == "kill")
      self.exit(child, exit_reason::kill);
    else
      self.send(child, crash{why});
    (void)co_await self.receive<troupe::down>(
        [ref](const troupe::down& d) { return d.ref == ref; });
  }
  task<> add(context self, const words& w) {
    plan(w);
    if (!dynamic()) co_return co_await ask(self, troupe::start_child(spec_of(w, children_)));
    auto answer = co_await self.try_call(
        children_ref(), troupe::start_with<std::string, std::string>(w[0], children_.at(0)[3]),
        troupe::infinity);
    say_answer(answer);
  }
  task<> terminate_dynamic(context self, const std::string& id) {
    const pid last = book_.last(id);
    if (!last) co_return say("none");
    const bool had_ended = !book_.running().contains(id);
    auto answer =
        co_await self.try_call(children_ref(), troupe::terminate_process{last}, troupe::infinity);
    // In OTP a process that has ended passes for a child that was terminated.
    if (had_ended && !answer && refusal_of(answer.reason()) == "error not_found")
      co_return say("~ended_child");
    say_answer(answer);
  }
  template <class T>
  task<> ask(context self, T what) {
    auto answer = co_await self.try_call(fixed_ref(), std::move(what), troupe::infinity);
    say_answer(answer);
  }
  void say_answer(troupe::result<void>& answer) {
    say(answer ? "ok" : refusal_of(answer.reason()));
  }
  void say_answer(troupe::result<pid>& answer) {
    say(!answer ? refusal_of(answer.reason()) : *answer ? "ok started" : "ok ignored");
  }
  static std::string refusal_of(const exit_reason& why) {
    const auto* const no = why.get_if<child_refused>();
    if (no == nullptr) return "gone";
    using enum child_refused::cause;
    switch (no->why) {
      case already_present: return "error already_present";
      case already_started: return "error already_started";
      case not_found: return "error not_found";
      case running: return "error running";
      case restarting: return "error restarting";
      case start_failed: return "error start_failed";
      default: return "error " + no->text;
    }
  }

  task<> end_tree(context self, const exit_reason& reason) {
    system_.exit(tree_, reason);
    co_await await_end(self);
  }
  task<> await_end(context self) {
    auto ended = co_await self.receive<troupe::down>(
        [this](const troupe::down& d) { return d.ref == ends_; });
    say("end " + word_of(ended.reason));
    tree_ = {};
  }

  // Until two looks at the tree show the same, and then what every child has received.
  task<> settle(context self, bool unordered) {
    std::optional<std::string> tree;
    if (tree_) tree = co_await quiet_tree(self);
    const auto running = book_.running();
    for (const auto& [id, child] : running)
      (void)co_await self.try_call(child, are_you_there{}, troupe::infinity);
    say_events(unordered || dynamic());
    if (tree) say("tree " + *tree);
  }
  void say_events(bool unordered) {
    std::vector<diary::event> events = book_.take();
    if (events.empty()) return;
    if (unordered)  // children of which nobody promises an order
      std::stable_sort(events.begin(), events.end(),
                       [](const auto& a, const auto& b) { return a.id < b.id; });
    std::vector<std::string> texts;
    texts.reserve(events.size());
    for (const diary::event& e : events) texts.push_back(e.text);
    say("log " + joined(texts, " "));
  }
  task<std::optional<std::string>> quiet_tree(context self) {
    std::pair<std::string, std::size_t> before;
    for (;;) {
      std::optional<std::string> text = co_await look(self);
      if (!tree_) co_return std::nullopt;
      const std::pair now(text.value_or(""), book_.count());
      const bool settled = now.first.find("restarting") == std::string::npos || book_.has_broken();
      if (text && now == before && settled) co_return text;
      before = now;
    }
  }
  // None if a supervisor has ended meanwhile.
  task<std::optional<std::string>> look(context self) {
    std::optional<std::string> all = co_await walk(self, tree_);
    if (all) {
      auto counts = co_await self.try_call(tree_, troupe::count_children{}, troupe::infinity);
      if (counts) {
        *all += " count " + (dynamic() ? "~specs" : std::to_string(counts->specs)) + ' ' +
                std::to_string(counts->active) + ' ' + std::to_string(counts->supervisors) + ' ' +
                std::to_string(counts->workers);
        co_return all;
      }
    }
    if (!system_.alive(tree_)) co_await await_end(self);
    co_return std::nullopt;
  }
  task<std::optional<std::string>> walk(context self, pid supervisor) {
    auto known = co_await self.try_call(supervisor, troupe::which_children{}, troupe::infinity);
    if (!known) co_return std::nullopt;
    std::vector<std::string> texts;
    for (const troupe::child_info& c : *known) {
      const std::string id = dynamic() ? book_.running_as(c.process) : c.id;
      if (c.supervises && c.process) {
        const auto below = co_await walk(self, c.process);
        if (!below) co_return std::nullopt;
        texts.push_back(id + '[' + *below + ']');
      } else {
        texts.push_back(c.state == child_state::running   ? id + ":running"
                        : c.state == child_state::stopped ? id + ":stopped"
                                                          : "restarting");
      }
    }
    if (dynamic()) std::sort(texts.begin(), texts.end());
    co_return joined(texts, " ");
  }

  troupe::system& system_;
  diary& book_;
  words top_;
  std::vector<words> children_;
  pid tree_;
  troupe::monitor_ref ends_;  // of the tree
  int step_ = 0;
  std::string out_;
};

std::string play(const script& what) {
  troupe::sim::simulation in({.seed = what.seed, .history_length = 1});
  diary book;
  diary::open = &book;
  troupe::system system(in.add_host("troupe").options());
  std::string told = driver(system, book).play(what);
  in.throw_violation();
  return told;
}

}  // namespace

const subject supervisors{"supervisors", "supervisors.escript", generate_supervisors, play};

}  // namespace otp
