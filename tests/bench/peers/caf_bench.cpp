// The workloads of troupe-bench on CAF 0.17 (Debian's libcaf-dev). One JSON line per figure.
//   caf_bench                    local workloads
//   caf_bench --server           the far end of the remote ones, on 127.0.0.1:45671
//   caf_bench --client           the near end
#include <unistd.h>
#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

using namespace caf;
using ping_atom = atom_constant<atom("ping")>;
using go_atom = atom_constant<atom("go")>;
using add_atom = atom_constant<atom("add")>;
using get_atom = atom_constant<atom("get")>;

static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
static std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * 4096;
}
static void report(const char* workload, double value, const char* unit) {
  std::printf("{\"system\":\"caf-0.17\",\"workload\":\"%s\",\"value\":%.3f,\"unit\":\"%s\"}\n",
              workload, value, unit);
  std::fflush(stdout);
}
template <class F>
static double seconds(F f) {
  double t = now();
  f();
  return now() - t;
}

behavior pong(event_based_actor* self) {
  return {[=](ping_atom, int64_t n) {
    self->send(actor_cast<actor>(self->current_sender()), ping_atom::value, n);
  }};
}
behavior ping(event_based_actor* self, actor peer) {
  return {[=](go_atom, int64_t n) { self->send(peer, ping_atom::value, n); },
          [=](ping_atom, int64_t n) {
            if (n == 0) {
              self->send_exit(peer, exit_reason::kill);
              self->quit();
            } else
              self->send(peer, ping_atom::value, n - 1);
          }};
}
struct count_state {
  int64_t count = 0;
};
behavior counter(stateful_actor<count_state>* self) {
  return {[=](add_atom, int64_t n) { self->state.count += n; },
          [=](get_atom) {
            auto n = self->state.count;
            self->state.count = 0;
            return n;
          },
          [=](int64_t n) { return n; }, [=](std::string& blob) { return std::move(blob); }};
}
struct ring_state {
  actor next;
};
behavior ring_member(stateful_actor<ring_state>* self, actor main) {
  return {[=](go_atom, actor next) { self->state.next = next; },
          [=](ping_atom, int64_t n) {
            if (n == 0)
              self->send(main, go_atom::value);
            else
              self->send(self->state.next, ping_atom::value, n - 1);
          }};
}
struct branch_state {
  int64_t sum = 0;
  int left = 10;
};
behavior leaf_or_branch(stateful_actor<branch_state>* self, actor parent, int64_t number,
                        int64_t size) {
  if (size == 1) {
    self->send(parent, number);
    return {};
  }
  for (int i = 0; i < 10; ++i)
    self->spawn(leaf_or_branch, actor_cast<actor>(self), number + i * (size / 10), size / 10);
  return {[=](int64_t v) {
    self->state.sum += v;
    if (--self->state.left == 0) {
      self->send(parent, self->state.sum);
      self->quit();
    }
  }};
}
behavior idle(event_based_actor*) {
  return {[](ping_atom) {}};
}
void producer(event_based_actor* self, actor to, actor main, int64_t n) {
  for (int64_t i = 0; i < n; ++i) self->send(to, add_atom::value, int64_t{1});
  self->send(main, go_atom::value);
}
static int64_t ask_count(scoped_actor& self, const actor& to) {
  int64_t result = -1;
  self->request(to, infinite, get_atom::value)
      .receive([&](int64_t v) { result = v; }, [](error&) {});
  return result;
}
static void wait_for(scoped_actor& self, int n) {
  int seen = 0;
  self->receive_while([&] { return seen < n; })([&](go_atom) { ++seen; });
}
static void check(bool ok, const char* what) {
  if (!ok) {
    std::fprintf(stderr, "caf_bench: wrong result in %s\n", what);
    _exit(1);
  }
}

static void local(actor_system& sys) {
  scoped_actor main{sys};
  auto main_actor = actor_cast<actor>(main);
  int64_t n = 1000000;
  report("ping_pong",
         seconds([&] {
           scoped_actor s{sys};
           auto b = s->spawn<monitored>(ping, sys.spawn(pong));
           anon_send(b, go_atom::value, n);
           s->receive([](down_msg&) {});
         }) * 1e9 /
             (2 * n),
         "ns/message");
  n = 100000;
  report("ping_pong_64",
         seconds([&] {
           scoped_actor s{sys};
           for (int i = 0; i < 64; ++i)
             anon_send(s->spawn<monitored>(ping, sys.spawn(pong)), go_atom::value, n);
           int k = 0;
           s->receive_while([&] { return k < 64; })([&](down_msg&) { ++k; });
         }) * 1e9 /
             (2 * n * 64),
         "ns/message");
  n = 5000000;
  report("flood",
         seconds([&] {
           auto c = sys.spawn(counter);
           for (int64_t i = 0; i < n; ++i) main->send(c, add_atom::value, int64_t{1});
           check(ask_count(main, c) == n, "flood");
           main->send_exit(c, exit_reason::kill);
         }) * 1e9 /
             n,
         "ns/message");
  n = 100000;
  report("fan_in",
         seconds([&] {
           auto c = sys.spawn(counter);
           for (int i = 0; i < 64; ++i) sys.spawn(producer, c, main_actor, n);
           wait_for(main, 64);
           check(ask_count(main, c) == 64 * n, "fan_in");
           main->send_exit(c, exit_reason::kill);
         }) * 1e9 /
             (64 * n),
         "ns/message");
  n = 5000000;
  report("ring",
         seconds([&] {
           std::vector<actor> members;
           for (int i = 0; i < 1000; ++i) members.push_back(sys.spawn(ring_member, main_actor));
           for (int i = 0; i < 1000; ++i)
             anon_send(members[i], go_atom::value, members[(i + 1) % 1000]);
           for (int i = 0; i < 4; ++i) anon_send(members[i * 250], ping_atom::value, n / 4);
           wait_for(main, 4);
           for (auto& m : members) main->send_exit(m, exit_reason::kill);
         }) * 1e9 /
             n,
         "ns/hop");
  report("skynet", seconds([&] {
           sys.spawn(leaf_or_branch, main_actor, int64_t{0}, int64_t{1000000});
           main->receive([](int64_t v) { check(v == 499999500000, "skynet"); });
         }),
         "s");
  n = 300000;
  report("call",
         seconds([&] {
           auto c = sys.spawn(counter);
           for (int64_t i = 0; i < n; ++i)
             main->request(c, infinite, i)
                 .receive([&](int64_t v) { check(v == i, "call"); },
                          [](error&) { check(false, "call"); });
           main->send_exit(c, exit_reason::kill);
         }) * 1e9 /
             n,
         "ns/call");
  n = 1000000;
  std::vector<actor> alive;
  alive.reserve(n);
  auto before = resident_bytes();
  auto t = seconds([&] {
    for (int64_t i = 0; i < n; ++i) alive.push_back(sys.spawn(idle));
  });
  report("spawn_idle", t * 1e9 / n, "ns/spawn");
  report("idle_memory", double(resident_bytes() - before) / n, "B/process");
  _exit(0);
}

static void client(actor_system& sys) {
  auto remote = sys.middleman().remote_actor("127.0.0.1", 45671);
  check(static_cast<bool>(remote), "connecting");
  scoped_actor self{sys};
  int64_t n = 20000;
  report("remote_ping_pong",
         seconds([&] {
           for (int64_t i = 0; i < n; ++i)
             self->request(*remote, infinite, i)
                 .receive([](int64_t) {}, [](error&) { check(false, "remote_ping_pong"); });
         }) * 1e6 /
             n,
         "us/round trip");
  n = 500000;
  report("remote_flood", n / seconds([&] {
                           for (int64_t i = 0; i < n; ++i)
                             self->send(*remote, add_atom::value, int64_t{1});
                           check(ask_count(self, *remote) == n, "remote_flood");
                         }),
         "messages/s");
  std::string blob(1 << 20, 'x');
  n = 100;
  report("remote_echo_1mib",
         n / seconds([&] {
           for (int64_t i = 0; i < n; ++i)
             self->request(*remote, infinite, blob)
                 .receive([](std::string&) {}, [](error&) { check(false, "remote_echo"); });
         }),
         "MiB/s each way");
  _exit(0);
}

struct config : actor_system_config {
  bool is_server = false, is_client = false;
  config() {
    load<io::middleman>();
    opt_group{custom_options_, "global"}.add(is_server, "server", "").add(is_client, "client", "");
  }
};
void caf_main(actor_system& sys, const config& cfg) {
  if (cfg.is_client) return client(sys);
  if (!cfg.is_server) return local(sys);
  auto port = sys.middleman().publish(sys.spawn(counter), 45671, "127.0.0.1");
  check(static_cast<bool>(port), "publishing");
  scoped_actor self{sys};
  self->receive([](go_atom) {});
}
CAF_MAIN()
