#pragma once
// One driver of the mixed workload: what it does, what it knows, and so what it may be told.

#include "sim/workload_parts.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace troupe_test::workload {

// To oneself, behind what is in the mailbox now.
struct mark {
  pid who;
  std::uint64_t epoch;
  bool unlinked;  // else: it was found dead
};
struct down_is_due {
  monitor_ref ref;
};
struct ring {
  std::uint64_t number;
};
struct card {
  int number;
};

// What the driver knows of a bystander, which links to nobody by itself.
struct acquaintance {
  std::uint64_t birth = 0;
  bool linked = false;
  int exits_due = 0;        // at most so many exit signals may come
  std::uint64_t epoch = 0;  // of what it did to the link
  bool spoke = false;       // its last words have come
};

class driver_state {
 public:
  driver_state(context self, run_state* run, sim_node* here)
      : self_(self), run_(run), here_(here), stream_(self.random()) {}

  task<> act();
  // Reads its mail, and looks whether something is still due that should have come.
  task<> rest();

 private:
  using friends = std::map<pid, acquaintance>;

  const std::string& some_node() { return run_->names[self_.random() % run_->names.size()]; }
  pid somebody() { return known_.empty() ? pid{} : known_[self_.random() % known_.size()]; }
  friends::iterator some_friend() {
    auto at = friends_.begin();
    if (at != friends_.end()) std::advance(at, self_.random() % friends_.size());
    return at;
  }
  void remember(pid p) {
    known_.push_back(p);
    if (known_.size() > 30) known_.erase(known_.begin());
  }
  acquaintance& befriend(pid p, std::uint64_t birth) {
    if (friends_.size() > 20) friends_.erase(some_friend());
    return friends_[p] = {.birth = birth};
  }
  void fail(const std::string& what) { run_->w.fail(to_string(self_.id()) + ": " + what); }

  void spawn_here();
  task<> spawn_elsewhere();
  task<> ask_for_more_than_is_offered();
  task<> call_somebody();
  task<> visit();
  task<> meet_service();
  void send_numbers();
  void send_addressed();
  void watch_somebody();
  void tie();
  void tell_to_end();
  void end_somebody();
  void names();
  void timers();
  task<> pick_cards();
  task<> flap();
  task<> fill_mailbox();
  task<> close_ring();
  task<> take_mail();
  void take(const down& d);
  void take(const exit_signal& e);
  void take(const mark& m);
  void take(const ring& r);
  void take(const flapped& m);
  void check_reason(pid from, const exit_reason& why);
  void check_connection(const exit_reason& why) {
    if (run_->quiet && why == exit_reason::noconnection)
      fail("nothing is wrong with the network, and there is no connection: " + to_string(why));
  }

  context self_;
  run_state* run_;
  sim_node* here_;
  std::uint64_t stream_;
  std::vector<pid> known_;  // that do as they like
  friends friends_;
  pid to_visit_;
  std::vector<addressed> services_;  // also of nodes that are gone
  std::set<monitor_ref> expected_;
  std::set<monitor_ref> of_the_gone_;               // monitors on processes that have ended
  std::map<monitor_ref, std::string> of_services_;  // by node
  std::map<std::string, std::uint64_t> sent_;
  std::map<std::uint64_t, steady_time> rings_;  // armed: the earliest time
  std::uint64_t last_ring_ = 0;
};

}  // namespace troupe_test::workload
