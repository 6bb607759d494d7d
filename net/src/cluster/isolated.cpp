#include <troupe/net/isolated.hpp>

#include "cluster/peer_plan.hpp"
#include "cluster/remote_node.hpp"

namespace troupe::net::internal {
namespace {

// Between two looks whether the peer offers the behaviour: its program does so after its node has
// joined.
constexpr std::chrono::milliseconds offer_pause{5};

/// The process that stands for a behaviour in an OS process of its own.
class stand_in {
 public:
  stand_in(context self, peer_plan plan, order_maker order)
      : self_(self), plan_(std::move(plan)), order_(std::move(order)) {}
  [[nodiscard]] task<> run();

 private:
  [[nodiscard]] task<> start_behaviour(std::string node, steady_time deadline);
  [[nodiscard]] task<> on_exit(exit_signal e);
  [[nodiscard]] task<exit_reason> reason_of(exit_reason told);
  [[nodiscard]] task<std::optional<exit_reason>> end_of(pid process,
                                                        std::chrono::nanoseconds limit);
  task<exit_reason> stop_peer();
  [[nodiscard]] task<bool> has_node();

  context self_;
  const peer_plan plan_;
  const order_maker order_;
  pid peer_;
  pid behaviour_;
};

task<> stand_in::run() {
  self_.trap_exits(true);
  const steady_time deadline = later(self_.now(), plan_.start_time);
  const peer_joined joined = co_await start_planned_peer(self_, plan_);
  peer_ = joined.peer;
  self_.link(peer_);
  co_await start_behaviour(joined.node, deadline);
  troupe::internal::announce_started(self_);
  for (;;)
    co_await self_.receive([&](exit_signal e) { return on_exit(std::move(e)); },
                           [&](message m) { self_.send(behaviour_, std::move(m)); });
}

task<> stand_in::start_behaviour(std::string node, steady_time deadline) {
  for (;;) {
    auto answer = co_await self_.try_call({"net_kernel", node}, order_(), infinity);
    if (answer) {
      behaviour_ = *answer;
      co_return;
    }
    const exit_reason why = answer.reason();
    if (why.type() != "troupe::not_offered" || self_.now() >= deadline)
      self_.exit(co_await reason_of(why));
    co_await self_.sleep(offer_pause);
  }
}

task<> stand_in::on_exit(exit_signal e) {
  if (e.from == peer_) self_.exit(std::move(e.reason));
  if (e.from == behaviour_) self_.exit(co_await reason_of(std::move(e.reason)));
  if (e.reason == exit_reason::normal) co_return;
  self_.exit(behaviour_, e.reason);
  auto ended = co_await end_of(behaviour_, plan_.stop_time);
  (void)co_await stop_peer();
  self_.exit(ended ? std::move(*ended) : std::move(e.reason));
}

// Why the child has ended; then its OS process is gone. A signal may have ended that, which is seen
// a moment after the connection was lost.
task<exit_reason> stand_in::reason_of(exit_reason told) {
  auto end = co_await stop_peer();
  if (told != exit_reason::noconnection) co_return told;
  if (end.get_if<peer_ended>() != nullptr) co_return end;
  if (co_await has_node()) co_return told;
  // It would be started again in vain. Whoever ends the node ends the system, too.
  const auto stopped = co_await self_.receive<exit_signal>(
      [](const exit_signal& e) { return e.reason != exit_reason::normal; });
  co_return stopped.reason;
}

task<bool> stand_in::has_node() {
  const auto answer =
      co_await self_.try_call({"net_kernel", plan_.parent}, connect_order{}, infinity);
  co_return answer.has_value();
}

task<std::optional<exit_reason>> stand_in::end_of(pid process, std::chrono::nanoseconds limit) {
  auto ended = co_await self_.receive_within<exit_signal>(
      limit, [process](const exit_signal& e) { return e.from == process; });
  co_return ended ? std::optional(std::move(ended->reason)) : std::nullopt;
}

// It kills its OS process after the stop time.
task<exit_reason> stand_in::stop_peer() {
  self_.exit(peer_, exit_reason::shutdown);
  co_return (co_await end_of(peer_, infinity)).value_or(exit_reason::shutdown);
}

process run_isolated(context self, peer_plan plan, order_maker order) {
  stand_in state(self, std::move(plan), std::move(order));
  co_await state.run();
}

}  // namespace

child_spec isolated_child(std::string id, const node& home, peer_options peer, order_maker order) {
  const peer_plan plan(home, std::move(peer));
  auto start = [plan, order](troupe::internal::engine& engine,
                             const troupe::internal::launch_options& how) {
    return troupe::internal::launch(engine, how, "troupe::net::isolated_child", run_isolated, plan,
                                    order)
        .id;
  };
  const auto one = time_to_stop(plan);
  return child_spec({.id = std::move(id), .name = {}, .start = std::move(start), .announces = true})
      .registered()
      .shutdown(one < infinity / 2 ? 2 * one : infinity);
}

}  // namespace troupe::net::internal
