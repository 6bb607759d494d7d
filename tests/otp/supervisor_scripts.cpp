// Random histories of supervisors. Who could end at the same time as another one, in an order that
// nobody promises, is left out: a tree with a supervisor below is not killed, only stopped.
#include "otp/script.hpp"

#include <troupe/sim/random.hpp>

#include <algorithm>

namespace otp {
namespace {

class maker {
 public:
  explicit maker(std::uint64_t seed) : chance_(seed, "otp supervisors") { made_.seed = seed; }

  script make() {
    dynamic_ = chance_.one_in(5);
    has_broken_ = !dynamic_ && chance_.one_in(5);  // see README.md
    ends_itself_ = chance_.one_in(3);
    add({"sup", dynamic_ ? "simple_one_for_one" : strategy(), has_broken_ ? "1000000" : number(5),
         end()});
    if (dynamic_)
      add({"child *", settings(), significant()});
    else
      for (std::uint64_t n = 1 + below(5); n > 0; --n) add_child();
    add({"start"});
    if (dynamic_)
      for (std::uint64_t n = 1 + below(4); n > 0; --n) add_one_more();
    for (std::uint64_t n = 3 + below(12); n > 0; --n) add_step();
    return std::move(made_);
  }

 private:
  void add_child() {
    const std::string id = fresh();
    if (has_broken_ || !chance_.one_in(5))
      return add({"child", id, settings(), significant(), plan(id)});
    has_supervisor_ = true;
    add({"child", id, type(), "infinity sup", significant(), "is", strategy(), number(3), end()});
    for (const char* below_it : {".x", ".y"}) {
      add({"child", id + below_it, settings(), significant(), plan(id + below_it)});
      inner_.push_back(id + below_it);
      if (chance_.one_in(3)) break;
    }
  }

  void add_step() {
    if (!broken_.empty() && chance_.one_in(3)) return with_broken();
    switch (below(24)) {
      case 0:
      case 1:
      case 2: return add_one_more();
      case 3:
      case 4: return add({"terminate", known()});
      case 5:
      case 6: return dynamic_ ? end_one() : add({"restart", known()});
      case 7:
      case 8: return dynamic_ ? end_one() : add({"delete", known()});
      case 9:
      case 10:  // the way back
        if (dynamic_) return add({"terminate", known()});
        return end_and(chance_.one_in(2) ? "restart" : "delete");
      case 11: return chance_.one_in(3) ? add({"stop"}) : end_one();
      case 12: return chance_.one_in(4) && !has_supervisor_ ? add({"kill"}) : end_one();
      default: return end_one();
    }
  }
  // What a child is asked that cannot start again, if it was ended.
  void with_broken() {
    switch (below(6)) {
      case 0: return add({"crash", broken_, "x"});
      case 1: return add({"heal", broken_});
      case 2: return add({"terminate", broken_});
      case 3: return add({"restart", broken_});
      case 4: return add({"delete", broken_});
      default: return add({"add", broken_, settings(), significant(), "broken:1"});
    }
  }
  void end_and(const std::string& then) {
    const std::string id = known();
    add({"terminate", id});
    add({then, id});
  }
  // A new child, or one more of an id that there is.
  void add_one_more() {
    const std::string id = !dynamic_ && chance_.one_in(3) ? known() : fresh();
    if (dynamic_) return add({"add", id, plan(id)});
    if (is_supervisor(id) || id == broken_) return;
    add({"add", id, settings(), significant(), plan(id)});
  }
  void end_one() {
    static constexpr std::string_view reasons[] = {"normal", "shutdown", "s:x",  "error",
                                                   "x",      "kill",     "error"};
    const bool inner = !inner_.empty() && chance_.one_in(3);
    const std::string id = inner ? inner_[below(inner_.size())] : known();
    add({"crash", id, std::string(reasons[below(std::size(reasons))])});
  }

  // restart type, shutdown and kind
  std::string settings() {
    static constexpr std::string_view slow[] = {"slow:shutdown", "slow:normal", "slow:x",
                                                "slow:s:x"};
    static constexpr std::string_view patient[] = {"5000", "infinity", "brutal"};
    const std::string limit(patient[below(3)]);
    type_ = type();
    switch (below(6)) {
      case 0: return type_ + (chance_.one_in(2) ? " 1" : " brutal") + " stubborn";
      case 1: return type_ + ' ' + limit + ' ' + std::string(slow[below(4)]);
      default: return type_ + ' ' + limit + " plain";
    }
  }
  std::string significant() {
    const bool may = ends_itself_ && type_ != "permanent";
    return may && chance_.one_in(2) ? "significant" : "";
  }
  // Which of its starts fail, and which say ignore.
  std::string plan(const std::string& id) {
    std::string text;
    if (has_broken_ && broken_.empty() && chance_.one_in(2)) {
      broken_ = id;
      return "broken:" + std::to_string(chance_.one_in(6) ? 1 : 2);
    }
    if (!has_broken_ && chance_.one_in(5)) {
      const std::uint64_t first = chance_.one_in(6) ? 1 : 2;
      text = "fail:" + std::to_string(first + below(2));
      while (chance_.one_in(2)) text += '+' + std::to_string(2 + below(4));
    }
    // OTP 25's dynamic supervisor crashes later if a restart is ignored: see README.md.
    const std::uint64_t starts = dynamic_ ? 1 : 3;
    if (chance_.one_in(10))
      text += (text.empty() ? "ignore:" : " ignore:") + std::to_string(1 + below(starts));
    return text;
  }
  std::string type() {
    static constexpr std::string_view all[] = {"permanent", "permanent", "transient", "temporary"};
    return type_ = all[below(4)];
  }
  // A broken child would be started again with all others, no one knows how often.
  std::string strategy() {
    static constexpr std::string_view all[] = {"one_for_one", "rest_for_one", "one_for_all"};
    return std::string(all[below(has_broken_ ? 2 : 3)]);
  }
  std::string end() { return !ends_itself_ ? "never" : chance_.one_in(2) ? "any" : "all"; }

  // In braces the words are made from left to right, so that all compilers make the same script.
  void add(const words& line) { made_.lines.push_back(joined(line, " ")); }
  std::uint64_t below(std::uint64_t limit) { return chance_.below(limit); }
  std::string number(std::uint64_t limit) { return std::to_string(below(limit)); }
  std::string fresh() { return std::string(1, static_cast<char>('a' + ids_++)); }
  std::string known() { return std::string(1, static_cast<char>('a' + below(ids_ + 1))); }
  [[nodiscard]] bool is_supervisor(const std::string& id) const {
    return std::any_of(inner_.begin(), inner_.end(),
                       [&](const std::string& inner) { return inner[0] == id[0]; });
  }

  script made_;
  troupe::sim::random chance_;
  bool dynamic_ = false;
  bool ends_itself_ = false;
  bool has_supervisor_ = false;
  bool has_broken_ = false;
  std::uint64_t ids_ = 0;
  std::string type_;                // of the child being made
  std::string broken_;              // the child that cannot start again, if there is one
  std::vector<std::string> inner_;  // children of supervisors below
};

}  // namespace

script generate_supervisors(std::uint64_t seed) { return maker(seed).make(); }

}  // namespace otp
