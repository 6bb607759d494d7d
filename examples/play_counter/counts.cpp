#include "counts.hpp"

#include <chrono>

namespace play {

using namespace std::chrono_literals;

// Takes the plays that have arrived while the transaction before was running, and commits all of
// them in one: the more load, the larger the batches. Nobody has an answer before the commit.
troupe::task<> counts::handle(troupe::request<add_plays> first) {
  std::vector<troupe::request<add_plays>> batch;
  std::vector<song_plays> plays;
  std::optional<troupe::request<add_plays>> next = std::move(first);
  while (next) {
    plays.push_back(std::move((*next)->what));
    batch.push_back(std::move(*next));
    if (batch.size() == max_batch) break;
    next = co_await self.receive_within<troupe::request<add_plays>>(0ns);
  }
  try {
    const auto counted = co_await self.blocking([&] { return store_.add(plays); });
    for (std::size_t i = 0; i < batch.size(); ++i)
      if (counted[i])
        batch[i].reply(*counted[i]);
      else
        batch[i].fail(troupe::exit_reason::error("play::stale_token", stale_token(plays[i].song)));
  } catch (const store_error&) {
    const auto why = troupe::exit_reason::from_current_exception();
    for (auto& asked : batch) asked.fail(why);
  }
}

template <class T, class Function>
troupe::task<> counts::answer(troupe::request<T> asked, Function function) {
  try {
    asked.reply(co_await self.blocking([&] { return function(*asked); }));
  } catch (const store_error&) {
    asked.fail(troupe::exit_reason::from_current_exception());
  }
}

troupe::task<> counts::handle(troupe::request<read_plays> asked) {
  return answer(std::move(asked), [this](const read_plays& m) { return store_.plays(m.song); });
}
troupe::task<> counts::handle(troupe::request<reset_plays> asked) {
  return answer(std::move(asked),
                [this](const reset_plays& m) { return store_.reset(m.song, m.token); });
}
troupe::task<> counts::handle(troupe::request<all_plays> asked) {
  return answer(std::move(asked), [this](const all_plays&) { return store_.all(); });
}

}  // namespace play
