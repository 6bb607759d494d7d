#pragma once
// The second half of a transfer, when the money is out of the one account and must come to the
// other, in two versions. One of them is wrong; README.md tells how the simulator shows it.

#include "bank.hpp"

namespace bank {

using pay_in = troupe::task<>(troupe::context self, transfer t);

/// Tries to reach the other account, and gives the money back if it cannot.
[[nodiscard]] pay_in pay_in_or_give_back;
/// Tries to reach the other account until it answers.
[[nodiscard]] pay_in pay_in_for_sure;

/// How long an account may take to answer, and the pause before it is asked again.
inline constexpr std::chrono::seconds call_time{2};
inline constexpr std::chrono::milliseconds pause{200};
/// How often pay_in_or_give_back tries.
inline constexpr int tries = 3;

/// Asks again and again until there is an answer: from an account that is down, or does not exist,
/// none comes. Only for what may come more than once.
template <class Request>
troupe::task<typename Request::reply> until_answered(troupe::context self, account_address to,
                                                     Request what) {
  for (;;) {
    auto answer = co_await self.try_call(to, what, call_time);
    if (answer) {
      if constexpr (std::is_void_v<typename Request::reply>)
        co_return;
      else
        co_return *answer;
    }
    co_await self.sleep(pause);
  }
}

}  // namespace bank
