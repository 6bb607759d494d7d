// Random state machines, run here and by OTP's gen_statem: see compare.sh.
//
//   statem_scripts write COUNT SEED   prints scripts, one a line
//   statem_scripts run FILE           prints what the machine of each sees, one a line
//
// A script gives, as `key=action|action`, what a machine with the states a, b, c does: `mail`, the
// events in its mailbox; `e3b`, on event 3 in state b; `na`, when it enters a; `init`, at its
// start. Actions: `ns b` next_state, `rp` repeat_state, `pp` postpone, `ne 3` next_event; timeouts
// of zero time `st 3` of the state, `et 3` of the event, `nt x 3` of a name; `sl`, `el`, `nl` the
// same of an hour; `sc` and `nc x` cancel. What it sees: `a<b` it enters a from b, `3@a` event 3 in
// a.
#include <troupe/sim/random.hpp>
#include <troupe/state_machine.hpp>
#include <troupe/sys.hpp>
#include <troupe/troupe.hpp>

#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

using namespace std::chrono_literals;
using troupe::context;
using troupe::task;

namespace {

// --- writing ------------------------------------------------------------------------------------

class writer {
 public:
  explicit writer(std::uint64_t seed) : random_(seed, "state machines") {}

  std::string script() {
    std::string text = "mail=" + many(1 + random_.below(6), [this] { return event(); });
    for (char id = '0'; id < '6'; ++id)
      for (char state = 'a'; state <= 'c'; ++state) add(text, {'e', id, state}, reaction());
    for (char state = 'a'; state <= 'c'; ++state)
      add(text, {'n', state}, many(random_.below(3), [this] { return timeout(); }));
    add(text, "init", many(random_.below(3), [this] { return deed(); }));
    return text;
  }

 private:
  static void add(std::string& text, const std::string& key, const std::string& actions) {
    if (!actions.empty()) text += ';' + key + '=' + actions;
  }
  template <class Make>
  static std::string many(std::uint64_t count, Make make) {
    std::string all;
    for (; count > 0; --count) all += (all.empty() ? "" : "|") + make();
    return all;
  }
  std::string event() { return std::to_string(random_.below(6)); }
  std::string name() { return random_.one_in(2) ? "x " : "y "; }
  std::string timeout() {
    switch (random_.below(9)) {
      case 0:
      case 1: return "st " + event();
      case 2:
      case 3: return "et " + event();
      case 4: return "nt " + name() + event();
      case 5: return "sl " + event();
      case 6: return "nl " + name() + event();
      case 7: return "sc";
      default: return "nc " + name();
    }
  }
  std::string deed() { return random_.one_in(3) ? "ne " + event() : timeout(); }
  std::string reaction() {
    std::string all = many(random_.below(3), [this] { return deed(); });
    const auto also = [&](const std::string& action) { all += (all.empty() ? "" : "|") + action; };
    if (random_.one_in(3)) also("pp");
    if (random_.one_in(3))
      also("ns " + std::string(1, static_cast<char>('a' + random_.below(3))));
    else if (random_.one_in(10))
      also("rp");
    return all;
  }

  troupe::sim::random random_;
};

// --- running ------------------------------------------------------------------------------------

using action = std::vector<std::string>;
using script = std::map<std::string, std::vector<action>>;

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream rest(text);
  for (std::string part; std::getline(rest, part, at);)
    if (!part.empty()) parts.push_back(part);
  return parts;
}
script parsed(const std::string& line) {
  script all;
  for (const std::string& part : split(line, ';')) {
    const std::size_t equals = part.find('=');
    for (const std::string& one : split(part.substr(equals + 1), '|'))
      all[part.substr(0, equals)].push_back(split(one, ' '));
  }
  return all;
}

struct event {
  int id;
};
struct diary {
  using reply = std::string;
};

class machine : public troupe::state_machine<char> {
 public:
  using handles = troupe::messages<event, diary>;
  explicit machine(std::shared_ptr<const script> what)
      : state_machine('a'), script_(std::move(what)) {
    act("init");
  }
  void enter(char from) {
    note({state(), '<', from});
    if (handled_ < most) act({'n', state()});
  }
  void handle(event e) {
    const bool acts = handled_++ < most;
    note(std::to_string(e.id) + '@' + state());
    if (acts) act("e" + std::to_string(e.id) + state());
  }
  std::string handle(diary) { return seen_; }

 private:
  static constexpr int most = 40;  // events that it acts on: many scripts would never end

  void note(const std::string& what) { seen_ += (seen_.empty() ? "" : " ") + what; }
  void act(const std::string& key) {
    const auto at = script_->find(key);
    if (at == script_->end()) return;
    for (const action& a : at->second) act(a);
  }
  void act(const action& a) {
    const auto given = [&] { return event{std::stoi(a.back())}; };
    const std::string& what = a.front();
    if (what == "ns") return next_state(a[1][0]);
    if (what == "rp") return repeat_state();
    if (what == "pp") return postpone();
    if (what == "ne") return next_event(given());
    if (what == "st") return set_state_timeout(0s, given());
    if (what == "sl") return set_state_timeout(1h, given());
    if (what == "et") return set_event_timeout(0s, given());
    if (what == "el") return set_event_timeout(1h, given());
    if (what == "nt") return set_timeout(a[1], 0s, given());
    if (what == "nl") return set_timeout(a[1], 1h, given());
    if (what == "sc") return cancel_state_timeout();
    if (what == "nc") return cancel_timeout(a[1]);
    throw std::invalid_argument("no action: " + what);
  }

  std::shared_ptr<const script> script_;
  std::string seen_;
  int handled_ = 0;
};

task<std::string> seen_by(context self, std::shared_ptr<const script> what) {
  const auto m = self.spawn<machine>(what);
  co_await self.call(m, troupe::sys::suspend{});
  for (const action& id : what->at("mail")) self.send(m, event{std::stoi(id.front())});
  co_await self.call(m, troupe::sys::resume{});
  std::string seen = co_await self.call(m, diary{});
  self.exit(m, troupe::exit_reason::kill);
  co_return seen;
}

void run(const std::string& file) {
  std::ifstream in(file);
  troupe::system system({.workers = 1});
  for (std::string line; std::getline(in, line);) {
    const auto what = std::make_shared<const script>(parsed(line));
    std::cout << system.run([&](context self) { return seen_by(self, what); }) << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "write" && argc == 4) {
    writer w(std::stoull(argv[3]));
    for (int left = std::stoi(argv[2]); left > 0; --left) std::cout << w.script() << '\n';
  } else if (what == "run" && argc == 3) {
    run(argv[2]);
  } else {
    std::cerr << "usage: statem_scripts write COUNT SEED | run FILE\n";
    return 2;
  }
}
