// Full mailboxes and rings of calls: what a driver may count on when there is too much of
// something.
#include "sim/workload_driver.hpp"

#include <array>

namespace troupe_test::workload {

using namespace std::chrono_literals;

namespace {

constexpr int room = 4;
constexpr int many = 12;

// Takes them slowly and in order.
process slow_taker(context self, run_state* run) {
  for (int next = 0; next < many; ++next) {
    const card taken = co_await self.receive<card>();
    if (taken.number != next) run->w.fail("a bounded mailbox loses or swaps what it took");
    co_await self.sleep(std::chrono::milliseconds(self.random() % 20));
  }
}

process feeder(context self, pid to) {
  for (int i = 0; i < many; ++i) {
    self.send(to, card{i});
    if (self.random() % 3 != 0) co_await self.yield();
  }
}

process closed_door(context self) { (void)co_await self.receive<last_words>(); }

// Answers a request with what the next one says.
process link_of_ring(context self) {
  const addressed next = co_await self.receive<addressed>();
  auto asked = co_await self.receive<request<twice>>();
  asked.reply(co_await self.call(next.to, *asked, infinity));
}

}  // namespace

// Who is held goes on some time, and nothing is lost; or a mailbox takes what it may hold and no
// more and no less, whoever had its slot before.
task<> driver_state::fill_mailbox() {
  if (self_.random() % 2 == 0) {
    const pid full =
        self_
            .spawn_with({.mailbox = {.messages = room, .when_full = overflow::hold_sender}},
                        slow_taker, run_)
            .id;
    const auto fed = self_.spawn_monitor(feeder, full);
    (void)co_await self_.receive<down>([&](const down& d) { return d.ref == fed.ref; });
    run_->w.reached("a sender was held by a full mailbox");
    co_return;
  }
  const pid full = self_.spawn_with({.mailbox = {.messages = room}}, closed_door).id;
  int taken = 0;
  for (int i = 0; i < many; ++i) taken += self_.try_send(full, card{i}) ? 1 : 0;
  if (taken != room) fail("a mailbox for 4 messages takes " + std::to_string(taken));
  self_.exit(full, exit_reason::kill);
}

// Without a limit of time: that the ring is found is what ends the call.
task<> driver_state::close_ring() {
  std::array<pid, 3> of;
  for (pid& p : of) p = self_.spawn(link_of_ring);
  for (std::size_t i = 0; i < of.size(); ++i)
    self_.send(of[i], addressed{of[(i + 1) % of.size()], 0});
  const auto answer = co_await self_.try_call(of[0], twice{0, 1}, infinity);
  if (answer) fail("a ring of calls has an answer");
  run_->w.reached("a ring of calls was closed");
}

}  // namespace troupe_test::workload
