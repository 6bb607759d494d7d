#include "sim/workload_parts.hpp"

#include <map>
#include <set>
#include <utility>

namespace troupe_test::workload {

using namespace std::chrono_literals;

constinit thread_local run_state* run_under_way = nullptr;

namespace {

// Within the time that a node is up for the service, the numbers of a stream are consecutive:
// nothing is lost, doubled or swapped while a connection lasts.
class stream_check {
 public:
  explicit stream_check(run_state& run) : run_(run) {}

  void take(const numbered& m) {
    if (!m.filling.empty() && m.filling.size() != filling_size)
      run_.w.fail("a text arrives with another length");
    std::uint64_t& seen = last_[{m.from_node, m.stream}];
    if (down_.contains(m.from_node))
      run_.w.fail("a message of a node comes while that node is down for its receiver");
    if (m.number == 0 || (seen != 0 && m.number != seen + 1))
      run_.w.fail("a stream has a hole, a double or a swap: " + std::to_string(m.number) +
                  " after " + std::to_string(seen));
    seen = m.number;
  }
  void take(const net::nodeup& m) {
    if (!up_.emplace(m.node, m.incarnation).second)
      run_.w.fail("two nodeups in a row for " + m.node);
    down_.erase(m.node);
    forget(m.node);  // what came before this one asked to be told
  }
  void take(const net::nodedown& m) {
    run_.w.reached("a node went down");
    const auto at = up_.find(m.node);
    if (at == up_.end() || at->second != m.incarnation)
      run_.w.fail("a nodedown without its nodeup for " + m.node);
    else
      up_.erase(at);
    down_.insert(m.node);
    forget(m.node);
    check_reason(m.reason);
  }

 private:
  void forget(const std::string& node) {
    std::erase_if(last_, [&](const auto& e) { return e.first.first == node; });
  }
  // No node breaks the protocol. Where nothing goes wrong only users end connections, and the peer
  // is told so.
  void check_reason(const std::string& reason) const {
    const auto says = [&](std::string_view what) { return reason.find(what) != std::string::npos; };
    if (says("protocol")) run_.w.fail("a node breaks the protocol: " + reason);
    if (run_.quiet ||
        (run_.calm && (says("silent") || says("heard nothing") || says("closed the connection"))))
      run_.w.fail("nothing is wrong with the network and a node is down: " + reason);
  }

  run_state& run_;
  std::map<std::pair<std::string, std::uint64_t>, std::uint64_t> last_;
  std::map<std::string, std::uint64_t> up_;  // incarnations
  std::set<std::string> down_;               // that were up before
};

void check_birth(const addressed& m, pid self, std::uint64_t birth) {
  if (m.birth != birth || (m.to.local() && m.to != self))
    run_under_way->w.fail("a message for one process reaches another, " + to_string(self));
}

}  // namespace

process service(context self, run_state* run, sim_node* here) {
  stream_check streams(*run);
  const std::uint64_t birth = self.random();
  bool sleepy = false;
  here->net().monitor_nodes(self);
  for (;;) {
    co_await self.receive(
        [&](numbered m) { streams.take(m); }, [&](net::nodeup m) { streams.take(m); },
        [&](net::nodedown m) { streams.take(m); },
        [&](request<twice> r) {
          if (r->not_after != 0 && self.now().time_since_epoch().count() >= r->not_after)
            run->w.fail("a request is taken up whose caller has given up");
          r.reply(2 * r->value);
        },
        [&](request<who_are_you> r) { r.reply(addressed{self, birth}); },
        [&](addressed m) { check_birth(m, self, birth); },
        [&](introduced m) { self.send(m.what.to, m.what); }, [](token) {},
        [&](take_a_nap) { sleepy = true; }, [](fall_over) { throw std::runtime_error("told to"); });
    if (std::exchange(sleepy, false)) co_await self.sleep(1s);
  }
}

process wanderer(context self, pid maker) {
  const std::uint64_t kind = self.random() % 8;
  if (kind % 2 == 0) self.link(maker);
  self.trap_exits(kind % 4 < 2);
  for (int i = 0; i < 3; ++i) {
    (void)co_await self.receive_within<exit_signal>(
        std::chrono::milliseconds(self.random() % 3000));
    if (self.random() % 4 == 0) self.unlink(maker);
    if (self.random() % 4 == 0) self.link(maker);
  }
  if (kind == 7) throw std::runtime_error("lost its way");
}

process bystander(context self, std::uint64_t birth) {
  constexpr auto life = 30s;
  const steady_time end = later(self.now(), life);
  bool going = true;
  while (going)
    co_await self.receive([&](request<are_you_there> r) { r.reply(birth); },
                          [&](addressed m) { check_birth(m, self, birth); }, [](token) {},
                          [&](end_yourself m) {
                            self.send(m.tell, last_words{self});
                            switch (m.how) {
                              case ending::by_error:
                                throw std::runtime_error(std::string(told_to_fail));
                              case ending::by_shutdown: self.exit(exit_reason::shutdown);
                              case ending::by_kill: self.exit(exit_reason::kill);
                            }
                          },
                          after(end - self.now(), [&] { going = false; }));
  self.exit(exit_reason::shutdown);
}

process flapper(context self, pid other, int times) {
  self.trap_exits(true);
  for (int i = 0; i < times; ++i) {
    switch (self.random() % 4) {
      case 0:
      case 1: self.link(other); break;
      case 2: self.unlink(other); break;
      default: co_await self.yield();
    }
    if (self.random() % 4 == 0) co_await self.sleep(std::chrono::milliseconds(self.random() % 8));
  }
  self.send(other, flapped{self});
  co_await self.sleep(5s);
  self.exit(exit_reason::shutdown);
}

}  // namespace troupe_test::workload
