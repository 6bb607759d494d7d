#include "songs.hpp"

#include <chrono>

namespace play {

using namespace std::chrono_literals;

// Takes the plays that have arrived while the transaction before was running, and commits all of
// them in one: the more load, the larger the batches. Nobody has an answer before the commit.
troupe::task<> songs::handle(troupe::request<add_play> first) {
  std::vector<troupe::request<add_play>> batch;
  std::vector<std::string> ids;
  std::optional<troupe::request<add_play>> next = std::move(first);
  while (next) {
    ids.push_back(std::move((*next)->song));
    batch.push_back(std::move(*next));
    if (batch.size() == max_batch) break;
    next = co_await self.receive_within<troupe::request<add_play>>(0ns);
  }
  try {
    const auto counts = co_await self.blocking([&] { return store_.add(ids); });
    for (std::size_t i = 0; i < batch.size(); ++i) batch[i].reply(counts[i]);
  } catch (const store_error&) {
    const auto why = troupe::exit_reason::from_current_exception();
    for (auto& asked : batch) asked.fail(why);
  }
}

template <class T, class Function>
troupe::task<> songs::answer(troupe::request<T> asked, Function function) {
  try {
    asked.reply(co_await self.blocking([&] { return function(*asked); }));
  } catch (const store_error&) {
    asked.fail(troupe::exit_reason::from_current_exception());
  }
}

troupe::task<> songs::handle(troupe::request<get_plays> asked) {
  return answer(std::move(asked), [this](const get_plays& m) { return store_.plays(m.song); });
}
troupe::task<> songs::handle(troupe::request<all_plays> asked) {
  return answer(std::move(asked), [this](const all_plays&) { return store_.all(); });
}
troupe::task<> songs::handle(troupe::request<clear_plays> asked) {
  return answer(std::move(asked), [this](const clear_plays&) { return store_.clear(); });
}

}  // namespace play
