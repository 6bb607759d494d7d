#include "pool.hpp"

#include <algorithm>

namespace pooled {

using troupe::exit_reason;
using troupe::monitor_ref;
using troupe::pid;

pool::pool(const troupe::partitions& all, troupe::groups connections, std::size_t max_waiting)
    : max_waiting_(max_waiting) {
  for (const std::string& name : all.names())
    if (self.whereis(name) == self.id()) name_ = name;
  const auto begun = connections.monitor(self, name_);
  idle_.assign(begun.members.begin(), begun.members.end());
}

void pool::handle(troupe::request<checkout> asked) {
  forget_late();
  if (idle_.empty() && waiting_.size() >= max_waiting_)
    return asked.fail(exit_reason::error(
        "pooled::overloaded",
        name_ + ": no connection is free and " + std::to_string(max_waiting_) +
            " callers wait: try again later, or raise pool_options::max_waiting"));
  waiting_.push_back(std::move(asked));
  serve();
}

void pool::handle(const checkin& back) {
  const auto at = leased_.find(back.number);
  if (at == leased_.end()) return;  // the connection failed meanwhile
  const pid connection = at->second;
  end_lease(back.number);
  if (back.broken)
    self.exit(connection, exit_reason::kill);
  else
    idle_.push_back(connection);
  serve();
}

void pool::handle(const troupe::groups::joined& opened) {
  idle_.insert(idle_.end(), opened.processes.begin(), opened.processes.end());
  serve();
}

void pool::handle(const troupe::groups::left& failed) {
  for (const pid connection : failed.processes) {
    std::erase(idle_, connection);
    const auto its = std::ranges::find(leased_, connection, &decltype(leased_)::value_type::second);
    if (its != leased_.end()) end_lease(its->first);
  }
}

void pool::handle(const troupe::down& owner) {
  const auto at = leased_.find(owner.ref);
  if (at == leased_.end()) return;
  idle_.push_back(at->second);
  leased_.erase(at);
  serve();
}

void pool::end_lease(monitor_ref number) {
  self.demonitor(number);
  leased_.erase(number);
}

// The one who waits longest gets the connection that is idle longest.
void pool::serve() {
  forget_late();
  while (!idle_.empty() && !waiting_.empty()) {
    auto asked = std::move(waiting_.front());
    waiting_.pop_front();
    const pid connection = idle_.front();
    idle_.pop_front();
    const monitor_ref number = self.monitor(asked.from());
    leased_.emplace(number, connection);
    asked.reply(lease{connection, number});
  }
}

// Callers who have given up. Nobody waits for these answers.
void pool::forget_late() {
  const auto now = self.now();
  std::erase_if(waiting_, [now](const auto& asked) { return asked.deadline() <= now; });
}

troupe::partitions start_pools(troupe::system& system, connect how, const pool_options& options) {
  const troupe::partitions pools("pool", options.partitions);
  const troupe::groups all(system, "connections");
  // Pools first. A connection fails and waits and comes back by itself; the supervisor gives up if
  // they fail much faster than their back-off lets them.
  std::vector<troupe::child_spec> tree{
      partition_supervisor(pools, troupe::child<pool>("pool", pools, all, options.max_waiting))};
  const int intensity = static_cast<int>(20 * options.connections);
  for (const std::string& name : pools.names()) {
    std::vector<troupe::child_spec> connections;
    connections.reserve(options.connections);
    for (std::size_t i = 0; i < options.connections; ++i)
      connections.push_back(
          troupe::child<connection>(std::to_string(i), name, how, all).backoff(options.backoff));
    tree.push_back(troupe::supervisor("connections of " + name,
                                      troupe::one_for_one{.intensity = intensity},
                                      std::move(connections)));
  }
  system.supervise(troupe::rest_for_one{}, std::move(tree));
  return pools;
}

troupe::task<std::string> ask_pool(troupe::context self, const troupe::partitions& pools,
                                   std::string key, std::string text,
                                   std::chrono::nanoseconds limit) {
  const std::string& to = pools.partition_of(key);
  const auto deadline = troupe::later(self.now(), limit);
  const lease mine = co_await self.call(to, checkout{}, limit);
  auto answer =
      co_await self.try_call(mine.connection, ask{std::move(text)}, deadline - self.now());
  self.send(to, checkin{mine.number, !answer});
  if (!answer) throw troupe::call_error("pooled::ask", to, answer.reason());
  co_return std::move(*answer);
}

}  // namespace pooled
