#include "branch.hpp"

#include "account.hpp"

namespace bank {

// One transfer, from its withdrawal to its end. Twice is the same as once, for after a crash it is
// begun again. A class, so that logs and traces have its name.
struct settlement {
  troupe::process operator()(troupe::context self, disk* kept, transfer t,
                             pay_in* second_half) const {
    if (co_await until_answered(self, t.from, withdraw{t.id, t.amount}))
      co_await second_half(self, t);
    kept->journal.erase(t.id);
  }
};

teller::teller(disk* kept, pay_in* second_half) : disk_(*kept), second_half_(second_half) {
  for (const auto& [id, t] : disk_.journal) self.spawn_link(settlement(), kept, t, second_half);
}

bool teller::handle(const transfer& t) {
  if (t.amount <= 0 || t.from == t.to || disk_.journal.size() == max_under_way) return false;
  if (disk_.journal.emplace(t.id, t).second) self.spawn_link(settlement(), &disk_, t, second_half_);
  return true;
}

troupe::pid open_branch(troupe::system& system, disk& kept, pay_in* second_half) {
  std::vector<troupe::child_spec> children;
  children.reserve(kept.accounts.size() + 1);
  for (auto& [name, book] : kept.accounts)
    children.push_back(troupe::child<account>(name, &book).registered());
  children.push_back(troupe::child<teller>("teller", &kept, second_half).registered());
  return system.supervise(troupe::one_for_one{}, std::move(children));
}

}  // namespace bank
