// Boost.Asio and Boost.Beast inside processes.

#include <troupe/distribution.hpp>
#include <troupe/net/asio.hpp>
#include <troupe/net/transport.hpp>
#include <troupe/troupe.hpp>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <array>
#include <atomic>
#include <csignal>
#include <thread>

#include <unistd.h>

#include "net/cluster_support.hpp"
#include "support/catch.hpp"

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using troupe::net::io_context_of;
using troupe::net::use_process;
using namespace std::chrono_literals;

namespace {

struct listens_at {
  tcp::endpoint where;
};

const tcp::endpoint any_port{asio::ip::address_v4::loopback(), 0};

troupe::process echo_for(troupe::context self, tcp::socket socket) {
  std::array<char, 512> buffer;
  for (;;) {
    const auto [failed, n] =
        co_await socket.async_read_some(asio::buffer(buffer), use_process(self));
    if (failed) co_return;
    co_await asio::async_write(socket, asio::buffer(buffer, n), use_process(self));
  }
}

troupe::process serve_echo(troupe::context self, troupe::pid tell) {
  auto& io = io_context_of(self.system());
  tcp::acceptor acceptor(io, any_port);
  self.send(tell, listens_at{acceptor.local_endpoint()});
  for (;;) {
    tcp::socket socket(io);
    const auto [failed] = co_await acceptor.async_accept(socket, use_process(self));
    if (failed) throw boost::system::system_error(failed);
    self.spawn_link(echo_for, std::move(socket));
  }
}

// Connected sockets of which the other end does nothing.
struct silent_pair {
  explicit silent_pair(asio::io_context& io) : near(io), far(io) {
    tcp::acceptor acceptor(io, any_port);
    near.connect(acceptor.local_endpoint());
    acceptor.accept(far);
  }
  tcp::socket near;
  tcp::socket far;
};

}  // namespace

TEST_CASE("processes serve and use sockets, one process for each connection") {
  troupe::system system({.workers = 2});
  system.run([](troupe::context self) -> troupe::task<> {
    auto& io = io_context_of(self.system());
    self.spawn_link(serve_echo, self);
    const auto [where] = co_await self.receive<listens_at>();
    std::vector<troupe::monitor_ref> clients;
    for (int i = 0; i < 20; ++i)
      clients.push_back(
          self.spawn_monitor([&io, where, i](troupe::context me) -> troupe::process {
                tcp::socket socket(io);
                const auto [failed] = co_await socket.async_connect(where, use_process(me));
                if (failed) throw boost::system::system_error(failed);
                const std::string said(20000, static_cast<char>('a' + i));
                std::string heard(said.size(), ' ');
                for (int n = 0; n < 5; ++n) {
                  const auto [w, out] =
                      co_await asio::async_write(socket, asio::buffer(said), use_process(me));
                  const auto [r, in] =
                      co_await asio::async_read(socket, asio::buffer(heard), use_process(me));
                  if (w || r || heard != said) throw std::runtime_error("not echoed");
                }
              })
              .ref);
    for (const troupe::monitor_ref ref : clients) {
      const auto down =
          co_await self.receive<troupe::down>([&](const troupe::down& d) { return d.ref == ref; });
      CHECK(down.reason == troupe::exit_reason::normal);
    }
  });
}

TEST_CASE("errors of an operation are values: nothing is thrown") {
  troupe::system system({.workers = 2});
  system.run([](troupe::context self) -> troupe::task<> {
    auto& io = io_context_of(self.system());
    tcp::acceptor deaf(io);
    deaf.open(tcp::v4());
    deaf.bind(any_port);  // nothing listens there
    tcp::socket socket(io);
    const auto [refused] = co_await socket.async_connect(deaf.local_endpoint(), use_process(self));
    CHECK(refused == asio::error::connection_refused);
    silent_pair both(io);
    both.far.close();
    std::array<char, 8> buffer;
    const auto [ended, n] =
        co_await both.near.async_read_some(asio::buffer(buffer), use_process(self));
    CHECK(ended == asio::error::eof);
    CHECK(n == 0);
  });
}

TEST_CASE("a process waits for a timer of Asio, and one that is cancelled says so") {
  troupe::system system({.workers = 2});
  system.run([](troupe::context self) -> troupe::task<> {
    asio::steady_timer timer(io_context_of(self.system()));
    const auto start = std::chrono::steady_clock::now();
    timer.expires_after(5ms);
    const auto [failed] = co_await timer.async_wait(use_process(self));
    CHECK_FALSE(failed);
    CHECK(std::chrono::steady_clock::now() - start >= 5ms);
    timer.expires_after(1h);
    // Behind the wait, which begins when it is awaited.
    self.spawn([&timer](troupe::context other) -> troupe::process {
      for (std::size_t cancelled = 0; cancelled == 0; co_await other.yield())
        cancelled = co_await troupe::net::run_on(*troupe::net::transport_of(other.system()),
                                                 [&] { return timer.cancel(); });
    });
    const auto [aborted] = co_await timer.async_wait(use_process(self));
    CHECK(aborted == asio::error::operation_aborted);
  });
}

TEST_CASE(
    "a process that is killed while an operation is under way ends, and its socket is closed") {
  troupe::system system({.workers = 2});
  system.run([](troupe::context self) -> troupe::task<> {
    silent_pair both(io_context_of(self.system()));
    const auto reader = self.spawn_monitor(
        [](troupe::context me, tcp::socket socket) -> troupe::process {
          std::array<char, 8> buffer;
          co_await asio::async_read(socket, asio::buffer(buffer), use_process(me));
          throw std::runtime_error("it went on");
        },
        std::move(both.near));
    // So that it is in the middle of a composed operation.
    co_await asio::async_write(both.far, asio::buffer("half", 4), use_process(self));
    self.exit(reader.id, troupe::exit_reason::kill);
    const auto down = co_await self.receive<troupe::down>();
    CHECK(down.reason == troupe::exit_reason::killed);
    std::array<char, 8> buffer;
    const auto [ended, n] =
        co_await both.far.async_read_some(asio::buffer(buffer), use_process(self));
    CHECK((ended == asio::error::eof || ended == asio::error::connection_reset));
  });
}

TEST_CASE("killing a process at any moment of an operation ends it once") {
  troupe::system system({.workers = 4});
  system.run([](troupe::context self) -> troupe::task<> {
    for (int i = 0; i < 300; ++i) {
      const auto waiting = self.spawn_monitor([](troupe::context me) -> troupe::process {
        asio::steady_timer timer(io_context_of(me.system()));
        for (;;) {
          timer.expires_after(std::chrono::microseconds(me.random() % 20));
          co_await timer.async_wait(use_process(me));
        }
      });
      for (auto n = self.random() % 20; n > 0; --n) co_await self.yield();
      self.exit(waiting.id, troupe::exit_reason::kill);
      const auto down = co_await self.receive<troupe::down>();
      CHECK(down.reason == troupe::exit_reason::killed);
    }
  });
  // None is left, once the one that ran this is gone too.
  while (system.counts().processes != 0) std::this_thread::yield();
}

TEST_CASE("Beast serves HTTP in a process") {
  troupe::system system({.workers = 2});
  system.run([](troupe::context self) -> troupe::task<> {
    silent_pair both(io_context_of(self.system()));
    self.spawn_link(
        [](troupe::context me, tcp::socket socket) -> troupe::process {
          boost::beast::flat_buffer buffer;
          http::request<http::string_body> question;
          const auto [failed, n] =
              co_await http::async_read(socket, buffer, question, use_process(me));
          if (failed) throw boost::system::system_error(failed);
          http::response<http::string_body> answer(http::status::ok, question.version());
          answer.body() = "you asked for " + std::string(question.target());
          answer.prepare_payload();
          co_await http::async_write(socket, answer, use_process(me));
        },
        std::move(both.far));
    http::request<http::empty_body> question(http::verb::get, "/rooms", 11);
    co_await http::async_write(both.near, question, use_process(self));
    boost::beast::flat_buffer buffer;
    http::response<http::string_body> answer;
    const auto [failed, n] =
        co_await http::async_read(both.near, buffer, answer, use_process(self));
    CHECK_FALSE(failed);
    CHECK(answer.body() == "you asked for /rooms");
  });
}

TEST_CASE(
    "a process waits for a signal of the operating system, which then does not end the program") {
  troupe::system system({.workers = 2});
  const auto caught = [] {
    struct sigaction now{};
    ::sigaction(SIGUSR1, nullptr, &now);
    return now.sa_handler != SIG_DFL;
  };
  REQUIRE_FALSE(caught());
  std::thread sender([&] {
    while (!caught()) std::this_thread::yield();
    ::kill(::getpid(), SIGUSR1);
  });
  const int number = system.run([](troupe::context self) -> troupe::task<int> {
    co_return co_await troupe::net::wait_for_signal(self, {SIGUSR1, SIGUSR2});
  });
  sender.join();
  CHECK(number == SIGUSR1);
  CHECK_FALSE(caught());
}

TEST_CASE("waiting for what is no signal that can be caught throws") {
  troupe::system system({.workers = 2});
  const int number = GENERATE(-1, 0, 12345, SIGKILL);
  CAPTURE(number);
  CHECK_THROWS_AS(system.run([&](troupe::context self) -> troupe::task<int> {
    co_return co_await troupe::net::wait_for_signal(self, {number});
  }),
                  boost::system::system_error);
}

TEST_CASE("the io_context outlives every process, so that they end with sockets open and waiting") {
  std::atomic<int> ended{0};
  struct at_end {
    std::atomic<int>& count;
    ~at_end() { ++count; }
  };
  {
    troupe::system system({.workers = 2});
    system.run([&](troupe::context self) -> troupe::task<> {
      self.spawn(serve_echo, self);
      const auto [where] = co_await self.receive<listens_at>();
      for (int i = 0; i < 8; ++i)
        self.spawn([&ended, where, me = self.id()](troupe::context other) -> troupe::process {
          const at_end counted{ended};
          tcp::socket socket(io_context_of(other.system()));
          co_await socket.async_connect(where, use_process(other));
          other.send(me, other.id());
          std::array<char, 8> buffer;
          co_await socket.async_read_some(asio::buffer(buffer), use_process(other));
        });
      for (int i = 0; i < 8; ++i) (void)co_await self.receive<troupe::pid>();
    });
  }
  CHECK(ended == 8);
}

// --- what idle workers wait in -------------------------------------------------------------------

namespace {

// Sleeps until it is interrupted, and shows how it is used.
class shown_poller final : public troupe::poller {
 public:
  void poll(std::chrono::nanoseconds limit) noexcept override {
    if (limit == troupe::infinity) ++endless;
    const auto woken = interrupts.load();
    if (limit > 0ns && woken == seen_) interrupts.wait(woken);
    seen_ = interrupts.load();
  }
  void interrupt() noexcept override {
    ++interrupts;
    interrupts.notify_all();
  }
  std::atomic<int> interrupts{0};
  std::atomic<int> endless{0};

 private:
  int seen_ = 0;
};

}  // namespace

TEST_CASE("a system that does not use the network makes no reactor, and stops") {
  troupe::system system({.workers = 2});
  CHECK(system.run([](troupe::context) -> troupe::task<int> { co_return 7; }) == 7);
  bool made = false;
  (void)troupe::internal::poller_of(system.home(), [&] {
    made = true;
    return std::make_shared<shown_poller>();
  });
  CHECK(made);
}

TEST_CASE("an idle system sleeps in its poller without a time limit") {
  const auto shown = std::make_shared<shown_poller>();
  troupe::system system({.workers = 1});
  (void)troupe::internal::poller_of(system.home(), [&] { return shown; });
  while (shown->endless == 0) std::this_thread::yield();
  CHECK(shown->endless == 1);
  CHECK(system.run([](troupe::context) -> troupe::task<int> { co_return 7; }) == 7);
  CHECK(shown->interrupts > 0);
  while (shown->endless < 2) std::this_thread::yield();
}

TEST_CASE("a system with a poller of another kind has no io_context and says why") {
  troupe::system system({.workers = 1});
  (void)troupe::internal::poller_of(system.home(), [] { return std::make_shared<shown_poller>(); });
  CHECK_THROWS_WITH(io_context_of(system), matchers::ContainsSubstring("not made of sockets"));
}
