#include "song.hpp"

#include "counts.hpp"

namespace play {

using namespace std::chrono_literals;

// Plays that come while others are being written are written together.
troupe::task<> song::handle(troupe::request<add_play> first) {
  std::vector<troupe::request<add_play>> batch;
  std::optional<troupe::request<add_play>> next = std::move(first);
  while (next) {
    batch.push_back(std::move(*next));
    next = co_await self.receive_within<troupe::request<add_play>>(0ns);
  }
  const auto added = static_cast<std::int64_t>(batch.size());
  add_plays write{{at_.key, added, at_.token}};
  auto written = co_await self.try_call(counts_, std::move(write));
  plays_.reset();
  if (written) plays_ = *written;
  for (std::int64_t i = 0; i < added; ++i) {
    auto& asked = batch[static_cast<std::size_t>(i)];
    if (plays_)
      asked.reply(*plays_ - added + 1 + i);
    else
      asked.fail(written.reason());
  }
}

troupe::task<> song::handle(troupe::request<get_plays> asked) {
  if (!plays_) {
    auto read = co_await self.try_call(counts_, read_plays{at_.key});
    if (!read) co_return asked.fail(read.reason());
    plays_ = *read;
  }
  asked.reply(*plays_);
}

troupe::task<> song::handle(troupe::request<clear_plays> asked) {
  plays_.reset();
  auto had = co_await self.try_call(counts_, reset_plays{at_.key, at_.token});
  if (!had) co_return asked.fail(had.reason());
  plays_ = 0;
  asked.reply(*had);
}

}  // namespace play
