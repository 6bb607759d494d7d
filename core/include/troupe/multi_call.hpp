#pragma once

#include <troupe/context.hpp>

#include <vector>

namespace troupe {

/// What many gave for an answer, in the order in which they were asked.
template <class R>
struct multi_reply {
  struct answered {
    destination by;
    internal::reply_value<R> value;
  };
  struct failed {
    destination by;
    exit_reason reason;
  };
  std::vector<answered> replies;
  std::vector<failed> bad;
};

/// Asks many at the same time and waits for all, together no longer than the limit; who has not
/// answered by then is among the bad ones, like who has ended or cannot be reached. Late replies
/// are dropped. (OTP: gen_server:multi_call, whose destinations are one name on many nodes:
/// `{{"accounts", "a@10.0.0.1:7400"}, {"accounts", "b@10.0.0.2:7400"}}`.)
template <request_message T>
  requires std::copyable<T>
task<multi_reply<typename T::reply>> multi_call(
    context self, std::vector<destination> to, T body,
    std::chrono::nanoseconds timeout = default_call_timeout) {
  std::vector<pending_reply<T>> asked;
  asked.reserve(to.size());
  for (const destination& one : to) asked.push_back(self.send_request(one, body, timeout));
  multi_reply<typename T::reply> all;
  for (std::size_t i = 0; i < to.size(); ++i) {
    auto answer = co_await asked[i];
    if (answer)
      all.replies.push_back({std::move(to[i]), std::move(*answer)});
    else
      all.bad.push_back({std::move(to[i]), answer.reason()});
  }
  co_return all;
}

}  // namespace troupe
