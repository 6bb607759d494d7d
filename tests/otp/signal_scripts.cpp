// Random scripts of processes, links, monitors, exits and names. The maker does not know who lives:
// what a dead process is told to do is told as "dead" by both players.
#include "otp/script.hpp"

#include <troupe/sim/random.hpp>

namespace otp {
namespace {

class maker {
 public:
  explicit maker(std::uint64_t seed) : chance_(seed, "otp signals") { made_.seed = seed; }

  script make() {
    for (std::uint64_t roots = 2 + chance_.below(3); roots > 0; --roots) add({"root", fresh()});
    for (std::uint64_t p = 0; p < processes_; ++p)
      if (chance_.one_in(3)) add({process(p), "trap", "on"});
    for (std::uint64_t steps = 6 + chance_.below(24); steps > 0; --steps) add_step();
    return std::move(made_);
  }

 private:
  void add_step() {
    const std::string p = any();
    switch (chance_.below(64)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5: return spawn(p);
      case 6:
      case 7: return storm();
      case 8: return add({p, "throw"});
      case 9:
      case 10:
      case 11: return add({p, "exit", reason()});
      case 12:
      case 13:
      case 14: return add({p, "trap", chance_.one_in(4) ? "off" : "on"});
      case 15:
      case 16:
      case 17:
      case 18: return add({p, "register", name()});
      case 19:
      case 20: return add({p, "unregister", name()});
      case 21: return add({p, "whereis", name()});
      case 22:
      case 23: return add({p, "send_name", name(), tag()});
      case 24:
      case 25: return add({p, "monitor_name", name(), monitor_of(p)});
      case 26:
      case 27:
      case 28:
      case 29: return add({p, "send", any(), tag()});
      case 30:
      case 31:
      case 32:
      case 33: return demonitor();
      case 34:
      case 35:
      case 36:
      case 37:
      case 38: return add({p, "unlink", any()});
      case 39:
      case 40:
      case 41:
      case 42:
      case 43: return take(p);
      case 44: return add({p, "flush"});
      case 45:
      case 46:
      case 47:
      case 48: return burst(p);
      case 49:
      case 50:
      case 51:
      case 52:
      case 53: return add({p, "monitor", any(), monitor_of(p)});
      case 54:
      case 55:
      case 56:
      case 57: return add({p, "kill", any(), reason()});
      default: return add({p, "link", any()});
    }
  }

  void spawn(const std::string& by) {
    if (processes_ >= 8) return;
    const std::string child = fresh();
    switch (chance_.below(4)) {
      case 0: return add({"root", child});
      case 1: return add({by, "spawn", child, "plain"});
      case 2: return add({by, "spawn", child, "monitor", monitor_of(by)});
      default: return add({by, "spawn", child, "link"});
    }
  }
  // Two send to one at the same time: each one's messages keep their order.
  void storm() {
    const std::string a = any();
    const std::string b = any();
    if (a != b) add({"storm", a, b, any(), std::to_string(2 + below(5))});
  }
  void demonitor() {
    if (owners_.empty()) return;
    const std::uint64_t m = chance_.below(owners_.size());
    add({chance_.one_in(8) ? any() : owners_[m], "demonitor", "m" + std::to_string(m)});
  }
  void take(const std::string& by) {
    const std::uint64_t what = chance_.below(3);
    if (what == 0) return add({by, "take_exit", any()});
    if (what == 1 || owners_.empty()) return add({by, "take", "note", any()});
    const std::uint64_t m = chance_.below(owners_.size());
    add({owners_[m], "take", "down", "m" + std::to_string(m)});
  }

  // One process acts upon another several times without waiting: the order of these signals is all
  // that decides. One reason only, and no unlink after an exit signal: whether the answer to the
  // one or the other comes first is not promised.
  void burst(const std::string& by) {
    const std::string to = any();
    if (by == to) return;
    const std::string why = reason();
    words acts;
    std::string own_monitor;
    bool killed = false;
    for (std::uint64_t n = 2 + chance_.below(5); n > 0; --n) {
      switch (chance_.below(killed ? 5 : 7)) {
        case 0: acts.push_back("send " + tag()); break;
        case 1: acts.emplace_back("link"); break;
        case 2: acts.push_back("monitor " + (own_monitor = monitor_of(by))); break;
        case 3:
          if (!own_monitor.empty()) acts.push_back("demonitor " + own_monitor);
          break;
        case 6: acts.emplace_back("unlink"); break;
        default: acts.push_back("kill " + why); killed = true;
      }
    }
    if (why != "kill" && chance_.one_in(4)) acts.push_back("quit " + why);
    if (!acts.empty()) add({by, "burst", to, joined(acts, " ; ")});
  }

  // In braces the words are made from left to right, so that all compilers make the same script.
  void add(const words& line) { made_.lines.push_back(joined(line, " ")); }
  std::uint64_t below(std::uint64_t limit) { return chance_.below(limit); }
  static std::string process(std::uint64_t n) { return "p" + std::to_string(n); }
  std::string fresh() { return process(processes_++); }
  std::string any() { return process(below(processes_)); }
  std::string name() { return std::string(1, static_cast<char>('a' + below(3))); }
  std::string tag() { return "t" + std::to_string(tags_++); }
  std::string monitor_of(const std::string& owner) {
    owners_.push_back(owner);
    return "m" + std::to_string(owners_.size() - 1);
  }
  std::string reason() {
    static constexpr std::string_view all[] = {"normal", "shutdown", "kill", "killed", "noproc",
                                               "s:x",    "x",        "y",    "kill",   "normal"};
    return std::string(all[below(std::size(all))]);
  }

  script made_;
  troupe::sim::random chance_;
  std::uint64_t processes_ = 0;
  std::uint64_t tags_ = 0;
  std::vector<std::string> owners_;  // of the monitors, by number
};

}  // namespace

script generate_signals(std::uint64_t seed) { return maker(seed).make(); }

}  // namespace otp
