#pragma once
// Nodes for tests: systems of one program, connected over loopback.

#include <troupe/net/node.hpp>
#include <troupe/troupe.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "support/catch.hpp"
#include "support/node_lodging.hpp"

namespace troupe_test {

using namespace std::chrono_literals;

inline const std::string test_cookie = "a cookie for the tests of nodes";

// Keeps what is logged, so that a test can look for it and its output stays clean.
class kept_log final : public troupe::log_sink {
 public:
  void write(troupe::log_level, std::string_view text) noexcept override {
    const std::lock_guard lock(mutex_);
    text_ += text;
    text_ += '\n';
  }
  [[nodiscard]] std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  // Waits until a line with that text was logged.
  [[nodiscard]] bool has(std::string_view wanted) const {
    return comes_true([&] { return text().find(wanted) != std::string::npos; });
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

// One node with its system. When the node is gone no link, monitor or timer may be left; processes
// that the test leaves alive die with the system.
struct test_node {
  explicit test_node(troupe::net::node_options options = {}, const std::string& app = "test")
      : log(std::make_shared<kept_log>()),
        lives(log),
        system(lives.options({.workers = 2, .log = log})) {
    if (options.name.empty()) options.name = app + "@127.0.0.1:0";
    if (options.cookie.empty()) options.cookie = test_cookie;
    options.carrier = lives.carrier();
    node = std::make_unique<troupe::net::node>(system, std::move(options));
  }

  ~test_node() {
    node.reset();
    if (!leaves_peers) CHECK(comes_true([this] { return idle(system.counts()); }));
  }
  test_node(const test_node&) = delete;
  test_node& operator=(const test_node&) = delete;

  [[nodiscard]] const std::string& name() const { return node->name(); }

  // Waits until links, monitors and timers of this system are gone, and of its processes all but
  // those that the test leaves alive.
  [[nodiscard]] bool comes_to_rest(std::int64_t alive = 0) {
    return comes_true([this, alive] {
      const troupe::system_counts now = system.counts();
      return idle(now) && now.processes == alive;
    });
  }

  std::shared_ptr<kept_log> log;
  node_lodging lives;
  troupe::system system;
  std::unique_ptr<troupe::net::node> node;
  bool leaves_peers = false;  // to the end of the system, and with them their links

 private:
  static bool idle(const troupe::system_counts& now) {
    return now.links == 0 && now.monitors == 0 && now.timers == 0;
  }
};

struct two_nodes {
  test_node a{{}, "a"};
  test_node b{{}, "b"};
};

// --- what the processes of these tests say to each other ---

struct number {
  int value;
};
struct ask {
  using reply = int;
  int value;
};
struct die {
  std::string why;
};
struct name_yourself {
  using reply = troupe::pid;
};

// Answers with what it was asked plus one, tells its pid, and dies when told to.
inline troupe::process echo(troupe::context self) {
  for (;;)
    co_await self.receive([](troupe::request<ask> r) { r.reply(r->value + 1); },
                          [&](troupe::request<name_yourself> r) { r.reply(self.id()); },
                          [&](die d) {
                            if (d.why == "normal") self.exit(troupe::exit_reason::normal);
                            if (d.why == "shutdown") self.exit(troupe::exit_reason::shutdown);
                            throw std::runtime_error(d.why);
                          });
}

// The pid by which `from` knows the process of that name on another node.
inline troupe::task<troupe::pid> pid_of(troupe::context self, std::string name, std::string node) {
  co_return co_await self.call({name, node}, name_yourself{});
}

}  // namespace troupe_test
