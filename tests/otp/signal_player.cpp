// Plays scripts of processes, links, monitors and exits on troupe: what signals.escript does on
// Erlang. The systems live in a simulation, so each seed has another order of turns.
#include "otp/script.hpp"

#include <troupe/sim/simulation.hpp>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>

namespace otp {
namespace {

using troupe::context;
using troupe::monitor_ref;
using troupe::pid;
using troupe::task;
using namespace std::chrono_literals;

struct note {
  std::string from;
  std::string tag;
};
// The mailbox up to here is what came before the end of that step.
struct mark {
  int step;
};
struct perform {
  words act;
};
struct place_mark {
  int step;
};
struct settle_round {};
struct done {
  std::string by;
  std::optional<std::string> text;
};
// What `spawn` tells: the driver is to know the process.
constexpr std::string_view spawned = "spawned ";

int number_of(std::string_view process) {
  int n = -1;
  std::from_chars(process.data() + 1, process.data() + process.size(), n);
  return n;
}

// All is one thread's: processes may share this.
struct stage {
  pid driver;
  std::map<std::string, pid, std::less<>> processes;
  [[nodiscard]] pid find(const std::string& name) const {
    const auto at = processes.find(name);
    return at == processes.end() ? pid{} : at->second;
  }
  [[nodiscard]] std::string name_of(pid wanted) const {
    if (!wanted) return "nobody";
    for (const auto& [name, process] : processes)
      if (process == wanted) return name;
    return "stranger";
  }
};

troupe::process actor(context self, stage* on, std::string name);

class player {
 public:
  player(context self, stage& on, std::string name)
      : self_(self), on_(on), name_(std::move(name)) {}

  task<> act(words w) {
    std::optional<std::string> told = co_await result_of(w);
    self_.send(on_.driver, done{name_, std::move(told)});
  }

 private:
  struct set_monitor {
    monitor_ref ref;
    bool named;
    pid target;
  };
  struct entry {
    std::pair<int, int> key;  // the step, and the number of who sent it
    std::string text;
    std::string reason;  // of a notice
  };

  // clang-format off
  task<std::optional<std::string>> result_of(const words& w) {
    const std::string& verb = w[0];
    if (verb == "flush") co_return "has " + co_await flush();
    if (verb == "take") co_return co_await take(w[1], w[2]);
    if (verb == "take_exit") co_return co_await take_exit(w[1]);
    if (verb == "pour") co_return co_await pour(on_.find(w[1]), std::stoi(w[2]));
    co_return at_once(w);
  }
  std::optional<std::string> at_once(const words& w) {
    const std::string& verb = w[0];
    if (verb == "spawn") return spawn(w);
    if (verb == "trap") return self_.trap_exits(w[1] == "on") ? "true" : "false";
    if (verb == "exit" || verb == "quit") self_.exit(reason_of(w[1]));
    if (verb == "throw") throw std::runtime_error("boom");
    if (verb == "register") return take_name(w[1]);
    if (verb == "unregister") return give_up_name(w[1]);
    if (verb == "whereis") return on_.name_of(self_.whereis(w[1]));
    if (verb == "send_name") { self_.send(w[1], note{name_, w[2]}); return {}; }
    if (verb == "monitor_name") { watch(w[2], w[1], self_.whereis(w[1]), true); return {}; }
    if (verb == "demonitor") return end_watch(w[1]);
    const pid other = on_.find(w[1]);
    if (!other) return "unknown";
    if (verb == "link") self_.link(other);
    else if (verb == "unlink") self_.unlink(other);
    else if (verb == "monitor") watch(w[2], other, other, false);
    else if (verb == "kill") self_.exit(other, reason_of(w[2]));
    else if (verb == "send") self_.send(other, note{name_, w[2]});
    else if (verb == "burst")
      return burst(w);
    else throw std::logic_error("no such act: " + verb);
    return {};
  }
  // clang-format on

  std::optional<std::string> spawn(const words& w) {
    const auto child =
        self_.spawn_with({.link = w[2] == "link", .monitor = w[2] == "monitor"}, actor, &on_, w[1]);
    on_.processes[w[1]] = child.id;
    if (w[2] == "monitor") monitors_[w[3]] = {child.ref, false, child.id};
    return std::string(spawned) + w[1];
  }

  // Erlang gives a process one name only, so the scripts do not go further.
  std::string take_name(const std::string& name) {
    if (self_.whereis(name)) return "taken";
    if (!own_name_.empty()) return "~second_name";
    self_.register_as(name);
    own_name_ = name;
    return "registered";
  }
  // In Erlang anybody can take a name away from its holder.
  std::string give_up_name(const std::string& name) {
    const pid holder = self_.whereis(name);
    if (!holder) return "nobody";
    if (holder != self_.id()) return "~foreign_name";
    self_.unregister(name);
    own_name_.clear();
    return "unregistered";
  }

  void watch(const std::string& monitor, const troupe::destination& what, pid target, bool named) {
    monitors_[monitor] = {self_.monitor(what), named, target};
  }
  std::optional<std::string> end_watch(const std::string& monitor) {
    const auto at = monitors_.find(monitor);
    if (at == monitors_.end()) return "unknown";
    self_.demonitor(at->second.ref);
    monitors_.erase(at);
    return {};
  }

  // `burst p1 send t1 ; link ; kill x`: acts upon one process, without waiting between them.
  std::optional<std::string> burst(const words& w) {
    self_.trap_exits(true);
    const bool nobody = !self_.system().alive(on_.find(w[1]));
    bool linked = false;
    std::optional<std::string> told;
    words act;
    for (std::size_t i = 2; i <= w.size(); ++i) {
      if (i < w.size() && w[i] != ";") {
        act.push_back(w[i]);
        continue;
      }
      if (act[0] != "quit" && act[0] != "demonitor") act.insert(act.begin() + 1, w[1]);
      // A link to nobody is answered within link/1 in Erlang, and not before the next wait here: so
      // after it there is no link to take back or to set again there, but there is one here.
      const bool link = act[0] == "link";
      if (nobody && linked && (link || act[0] == "unlink"))
        told = "~link_to_nobody";
      else
        (void)at_once(act);
      linked = linked || link;
      act.clear();
    }
    return told;
  }
  task<std::optional<std::string>> pour(pid to, int count) {
    if (!to) co_return "unknown";
    for (int i = 1; i <= count; ++i) {
      self_.send(to, note{name_, std::to_string(i)});
      co_await self_.yield();
    }
    co_return std::nullopt;
  }

  task<std::string> take(const std::string& kind, const std::string& of) {
    if (kind == "note") {
      const auto found =
          co_await self_.receive_within<note>(0ns, [&of](const note& n) { return n.from == of; });
      co_return found ? found->tag : "nothing";
    }
    const auto at = monitors_.find(of);
    if (at == monitors_.end()) co_return "unknown";
    const auto found = co_await self_.receive_within<troupe::down>(
        0ns, [ref = at->second.ref](const troupe::down& d) { return d.ref == ref; });
    co_return found ? word_of(found->reason) : "nothing";
  }
  task<std::string> take_exit(const std::string& of) {
    const pid from = on_.find(of);
    if (!from) co_return "unknown";
    const auto found = co_await self_.receive_within<troupe::exit_signal>(
        0ns, [from](const troupe::exit_signal& e) { return e.from == from; });
    co_return found ? word_of(found->reason) : "nothing";
  }

  // In order, but what came from several senders in one step is put in the order of the senders.
  task<std::string> flush() {
    std::vector<entry> found;
    int step = 0;
    for (bool more = true; more;)
      co_await self_.receive(
          [&](mark m) { step = m.step; },
          [&](const note& n) {
            found.push_back({{step, number_of(n.from)}, "note " + n.from + ' ' + n.tag, {}});
          },
          [&](const troupe::exit_signal& e) {
            const std::string from = on_.name_of(e.from);
            const std::string why = word_of(e.reason);
            found.push_back({{step, number_of(from)}, "exit " + from + ' ' + why, why});
          },
          [&](const troupe::down& d) { found.push_back(entry_of(step, d)); },
          troupe::after(0ns, [&] { more = false; }));
    std::stable_sort(found.begin(), found.end(),
                     [](const entry& a, const entry& b) { return a.key < b.key; });
    sort_ends(found);
    std::vector<std::string> texts;
    texts.reserve(found.size());
    for (entry& e : found) texts.push_back(std::move(e.text));
    co_return joined(texts, ", ");
  }
  entry entry_of(int step, const troupe::down& d) const {
    const auto at = std::find_if(monitors_.begin(), monitors_.end(),
                                 [&](const auto& m) { return m.second.ref == d.ref; });
    if (at == monitors_.end()) return {{step, -1}, "a down of no monitor", {}};
    const set_monitor& m = at->second;
    // A monitor by a name that nobody had has no process, and none else has another.
    const std::string target = on_.name_of(m.target);
    const std::string from = d.from == m.target ? m.named ? "named" : target : "another process";
    const std::string why = word_of(d.reason);
    return {{step, m.target ? number_of(target) : -1},
            "down " + at->first + ' ' + from + ' ' + why,
            why};
  }
  // In what order a process that ends tells its links and monitors is not promised.
  static void sort_ends(std::vector<entry>& all) {
    for (auto from = all.begin(); from != all.end();) {
      auto to = from + 1;
      while (!from->reason.empty() && to != all.end() && to->key == from->key &&
             to->reason == from->reason)
        ++to;
      std::sort(from, to, [](const entry& a, const entry& b) { return a.text < b.text; });
      from = to;
    }
  }

  context self_;
  stage& on_;
  std::string name_;
  std::string own_name_;
  std::map<std::string, set_monitor> monitors_;
};

troupe::process actor(context self, stage* on, std::string name) {
  player me(self, *on, name);
  for (;;)
    co_await self.receive([&](perform p) { return me.act(std::move(p.act)); },
                          [&](settle_round) { self.send(on->driver, done{name, {}}); },
                          [&](place_mark m) {
                            self.send(self, mark{m.step});
                            self.send(on->driver, done{name, {}});
                          });
}

// Orders one step after the other.
class driver {
 public:
  explicit driver(context self) : self_(self) { on_.driver = self.id(); }

  task<std::string> play(const script& what) {
    for (const std::string& line : what.lines) {
      ++step_;
      ends_.clear();
      co_await take_step(split(line));
      co_await settle();
    }
    ++step_;
    for (const std::string& name : live_) {
      order(name, perform{{"flush"}});
      co_await all_done();
    }
    for (const char* name : {"a", "b", "c"})
      out_ += std::string("name ") + name + ' ' + on_.name_of(self_.whereis(name)) + '\n';
    co_return std::move(out_);
  }

 private:
  task<> take_step(words w) {
    const std::string who = w[0];
    if (who == "root") {
      on_.processes[w[1]] = self_.spawn(actor, &on_, w[1]);
      co_return enter(w[1]);
    }
    if (who == "storm") co_return co_await storm(w);
    w.erase(w.begin());
    if (!live_.contains(who)) co_return say("dead");
    order(who, perform{std::move(w)});
    co_await all_done();
  }
  task<> storm(const words& w) {
    for (const std::string& name : {w[1], w[2]}) order(name, perform{{"pour", w[3], w[4]}});
    co_await all_done();
  }
  void enter(const std::string& name) {
    live_.insert(name);
    watched_[self_.monitor(on_.find(name))] = name;
  }

  template <class T>
  void order(const std::string& name, T what) {
    if (!live_.contains(name)) return;
    self_.send(on_.find(name), std::move(what));
    awaited_.insert(name);
  }
  // Until all that were given an order have carried it out, or have ended.
  task<> all_done() {
    while (!awaited_.empty())
      co_await self_.receive([&](const done& d) { carried_out(d); },
                             [&](const troupe::down& d) { ended(d); });
  }
  void carried_out(const done& d) {
    awaited_.erase(d.by);
    if (d.text && d.text->starts_with(spawned))
      enter(d.text->substr(spawned.size()));
    else if (d.text)
      say(*d.text);
  }
  void ended(const troupe::down& d) {
    const std::string name = watched_.at(d.ref);
    live_.erase(name);
    awaited_.erase(name);
    ends_[number_of(name)] = word_of(d.reason);
  }
  void say(const std::string& text) { out_ += std::to_string(step_) + ' ' + text + '\n'; }

  // Until a round in which nobody has ended; then everybody has received what the step caused.
  task<> settle() {
    std::size_t before = 0;
    do {
      before = live_.size();
      co_await round_of(settle_round{});
    } while (live_.size() < before);
    co_await round_of(place_mark{step_});
    for (const auto& [number, why] : ends_) say("end p" + std::to_string(number) + ' ' + why);
  }
  template <class T>
  task<> round_of(T what) {
    const std::set<std::string> asked = live_;
    for (const std::string& name : asked) order(name, what);
    co_await all_done();
    bool more = true;
    while (more)
      co_await self_.receive([&](const troupe::down& d) { ended(d); }, [](const done&) {},
                             troupe::after(0ns, [&] { more = false; }));
  }

  context self_;
  stage on_;
  std::set<std::string> live_;
  std::set<std::string> awaited_;  // that have not carried out their orders
  std::map<monitor_ref, std::string> watched_;
  std::map<int, std::string> ends_;  // in this step
  int step_ = 0;
  std::string out_;
};

std::string play(const script& what) {
  troupe::sim::simulation in({.seed = what.seed, .history_length = 1});
  troupe::system system(in.add_host("troupe").options());
  std::string told = system.run([&what](context self) -> task<std::string> {
    driver d(self);
    co_return co_await d.play(what);
  });
  in.throw_violation();
  return told;
}

}  // namespace

const subject signals{"signals", "signals.escript", generate_signals, play};

}  // namespace otp
