#include "pay_in.hpp"

namespace bank {

troupe::task<> pay_in_or_give_back(troupe::context self, transfer t) {
  for (int i = 0; i < tries; ++i) {
    if (co_await self.try_call(t.to, deposit{t.id, t.amount}, call_time)) co_return;
    co_await self.sleep(pause);
  }
  co_await until_answered(self, t.from, give_back{t.id});
}

troupe::task<> pay_in_for_sure(troupe::context self, transfer t) {
  co_await until_answered(self, t.to, deposit{t.id, t.amount});
}

}  // namespace bank
