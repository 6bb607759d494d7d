// What transport.hpp promises of listening and dialling, over the operating system's TCP.

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/reactor_support.hpp"

using namespace troupe::net;
using namespace troupe_test;

namespace {

void ignore(std::unique_ptr<stream>) {}

sockaddr_in address_of(const std::string& host, std::uint16_t port) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  REQUIRE(::inet_pton(AF_INET, host.c_str(), &where.sin_addr) == 1);
  return where;
}

// A socket of the operating system, for what no transport would do.
class raw_socket {
 public:
  raw_socket() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) { REQUIRE(fd_ >= 0); }
  ~raw_socket() { ::close(fd_); }
  raw_socket(const raw_socket&) = delete;
  raw_socket& operator=(const raw_socket&) = delete;

  void bind(const std::string& host) {
    const sockaddr_in where = address_of(host, 0);
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0);
  }
  void listen(int backlog) { REQUIRE(::listen(fd_, backlog) == 0); }
  void connect(const std::string& host, std::uint16_t port) {
    const sockaddr_in where = address_of(host, port);
    REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0);
  }
  [[nodiscard]] std::uint16_t port() const {
    sockaddr_in where{};
    socklen_t size = sizeof where;
    REQUIRE(::getsockname(fd_, reinterpret_cast<sockaddr*>(&where), &size) == 0);
    return ntohs(where.sin_port);
  }

 private:
  const int fd_;
};

// Listens, but lets the operating system answer no more than the one that has come already.
struct full_listener {
  explicit full_listener(const std::string& host) {
    socket.bind(host);
    socket.listen(0);
    first.connect(host, socket.port());
  }
  raw_socket socket;
  raw_socket first;
};

// Bound, so that nobody else gets the port, but nothing listens there.
struct deaf_port {
  deaf_port() { socket.bind("127.0.0.1"); }
  raw_socket socket;
};

// While it lives, this program can open no more files.
class no_descriptors {
 public:
  no_descriptors() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const int next = ::dup(0);
    ::close(next);
    const rlimit none{static_cast<rlim_t>(next), before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  ~no_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  no_descriptors(const no_descriptors&) = delete;
  no_descriptors& operator=(const no_descriptors&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

// --- listening -----------------------------------------------------------------------------------

TEST_CASE("listening where another one listens is refused as in use") {
  hand_driven world;
  raw_socket taken;
  taken.bind("127.0.0.1");
  taken.listen(1);
  const auto second = world.bytes.listen({"127.0.0.1", taken.port()}, ignore);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == io_errc::in_use);
  CHECK_THAT(second.error().text,
             matchers::StartsWith("cannot listen on 127.0.0.1:" + std::to_string(taken.port())));
}

TEST_CASE("listening at what is no address of this machine is refused as no such address") {
  hand_driven world;
  const std::string host = GENERATE(as<std::string>(), "203.0.113.1", "2001:db8::1", "a.name", "");
  CAPTURE(host);
  const auto got = world.bytes.listen({host, 0}, ignore);
  REQUIRE_FALSE(got);
  CHECK(got.error().code == io_errc::no_such_address);
}

TEST_CASE("a closed listener frees its address, and what it accepted lives on") {
  hand_driven world;
  std::unique_ptr<stream> accepted;
  auto first = world.bytes.listen({"127.0.0.1", 0},
                                  [&](std::unique_ptr<stream> s) { accepted = std::move(s); });
  REQUIRE(first);
  const std::uint16_t port = (*first)->port();
  dialled got;
  const auto dial = world.bytes.dial({"127.0.0.1", port}, 10s, got.handler());
  world.until([&] { return got.over() && accepted != nullptr; });
  SECTION("close") { (*first)->close(); }
  SECTION("destroyed") { (*first).reset(); }
  CHECK(world.bytes.listen({"127.0.0.1", port}, ignore));
  write_all(world, *got.value(), "still here");
  CHECK(read_text(world, *accepted, 10) == "still here");
}

TEST_CASE("a listener may be destroyed in its own callback, which then is not called again") {
  hand_driven world;
  int calls = 0;
  std::unique_ptr<listener> listening;
  std::unique_ptr<stream> kept;
  auto made = world.bytes.listen({"127.0.0.1", 0}, [&](std::unique_ptr<stream> s) {
    ++calls;
    kept = std::move(s);
    listening.reset();
  });
  REQUIRE(made);
  listening = std::move(*made);
  raw_socket a;
  raw_socket b;
  a.connect("127.0.0.1", listening->port());
  b.connect("127.0.0.1", listening->port());
  world.until([&] { return calls > 0; });
  world.settle();
  CHECK(calls == 1);
  CHECK(kept != nullptr);
}

TEST_CASE("without descriptors a listener waits, says so once, and accepts when there are some") {
  hand_driven world;
  std::unique_ptr<stream> accepted;
  auto listening = world.bytes.listen({"127.0.0.1", 0},
                                      [&](std::unique_ptr<stream> s) { accepted = std::move(s); });
  REQUIRE(listening);
  raw_socket client;
  std::optional<io_result<std::unique_ptr<listener>>> second;
  dialled got;
  bool accepted_without = true;
  // Sanitizers open a pipe when they see a type for the first time.
  stream_pair before(world);
  world.bytes.log(troupe::log_level::info, "no descriptors from here on");
  {
    const no_descriptors left;
    client.connect("127.0.0.1", (*listening)->port());
    world.until(
        [&] { return world.log->text().find("they wait until it can") != std::string::npos; });
    accepted_without = accepted != nullptr;
    const auto dial = world.bytes.dial({"127.0.0.1", (*listening)->port()}, 10s, got.handler());
    world.until([&] { return got.over(); });
    second.emplace(world.bytes.listen({"127.0.0.1", 0}, ignore));
  }
  CHECK_FALSE(accepted_without);
  CHECK(got.error().code == io_errc::too_many_files);
  REQUIRE_FALSE(*second);
  CHECK(second->error().code == io_errc::too_many_files);
  CHECK_THAT(second->error().text, matchers::ContainsSubstring("ulimit -n"));
  const std::string said = world.log->text();
  world.until([&] { return accepted != nullptr; });
  CHECK(world.log->text() == said);
}

// --- dialling ------------------------------------------------------------------------------------

TEST_CASE("dialling where nothing listens is refused") {
  hand_driven world;
  const deaf_port deaf;
  const endpoint where{"127.0.0.1", deaf.socket.port()};
  dialled got;
  const auto dial = world.bytes.dial(where, 10s, got.handler());
  world.until([&] { return got.over(); });
  CHECK(got.error().code == io_errc::refused);
  CHECK_THAT(got.error().text, matchers::StartsWith("cannot connect to " + to_string(where)));
}

TEST_CASE("an address to which there is no way is unreachable") {
  hand_driven world;
  dialled got;  // TCP to a multicast address
  const auto dial = world.bytes.dial({"224.0.0.1", 7400}, 10s, got.handler());
  world.until([&] { return got.over(); });
  CHECK(got.error().code == io_errc::unreachable);
}

TEST_CASE("a dial without an answer within its time is timed out, and never early") {
  hand_driven world;
  const full_listener silent("127.0.0.1");
  const auto limit = GENERATE(0ms, 30ms);
  const auto start = std::chrono::steady_clock::now();
  dialled got;
  const auto dial = world.bytes.dial({"127.0.0.1", silent.socket.port()}, limit, got.handler());
  world.until([&] { return got.over(); });
  CHECK(got.error().code == io_errc::timed_out);
  CHECK(std::chrono::steady_clock::now() - start >= limit);
}

TEST_CASE("a dial tries the addresses of a host in turn") {
  hand_driven world;
  std::unique_ptr<stream> accepted;
  const full_listener silent("127.0.0.2");
  // At the port where the other one is silent.
  auto listening = world.bytes.listen({"127.0.0.1", silent.socket.port()},
                                      [&](std::unique_ptr<stream> s) { accepted = std::move(s); });
  REQUIRE(listening);
  SECTION("past those that cannot be reached or refuse") {
    world.names->known["host"] = {"224.0.0.1", "127.0.0.3", "127.0.0.1"};
  }
  SECTION("past one that does not answer within its share of the time") {
    world.names->known["host"] = {"127.0.0.2", "127.0.0.1"};
  }
  dialled got;
  const auto dial = world.bytes.dial({"host", (*listening)->port()}, 200ms, got.handler());
  world.until([&] { return got.over(); });
  CHECK(got.value()->peer() == endpoint{"127.0.0.1", (*listening)->port()});
  world.until([&] { return accepted != nullptr; });
}

TEST_CASE("each dial looks its host up, and goes to the address that it has then") {
  hand_driven world;
  std::unique_ptr<stream> accepted;
  const auto keep = [&](std::unique_ptr<stream> s) { accepted = std::move(s); };
  auto before = world.bytes.listen({"127.0.0.2", 0}, keep);
  REQUIRE(before);
  const std::uint16_t port = (*before)->port();
  auto now = world.bytes.listen({"127.0.0.3", port}, keep);
  REQUIRE(now);
  for (const std::string address : {"127.0.0.2", "127.0.0.3"}) {
    world.names->known["host"] = {address};
    dialled got;
    const auto dial = world.bytes.dial({"host", port}, 10s, got.handler());
    world.until([&] { return got.over(); });
    CHECK(got.value()->peer() == endpoint{address, port});
  }
}

TEST_CASE("a dial that finds no address that works tells what the last one said") {
  hand_driven world;
  const deaf_port deaf;
  world.names->known["host"] = {"224.0.0.1", "127.0.0.1"};
  dialled got;
  const auto dial = world.bytes.dial({"host", deaf.socket.port()}, 10s, got.handler());
  world.until([&] { return got.over(); });
  CHECK(got.error().code == io_errc::refused);
  CHECK_THAT(got.error().text, matchers::StartsWith("cannot connect to host:"));
}

TEST_CASE("a dial that is destroyed is cancelled and destroys its callback uncalled") {
  hand_driven world;
  const full_listener silent("127.0.0.1");
  const std::size_t before = open_descriptors();
  const auto called = std::make_shared<bool>(false);
  auto dial = world.bytes.dial({"127.0.0.1", silent.socket.port()}, 10s,
                               [called](auto) { *called = true; });
  SECTION("before it has begun") {}
  SECTION("while it connects") {
    world.until([&] { return open_descriptors() > before; });
  }
  dial.reset();
  CHECK(called.use_count() == 1);
  CHECK(open_descriptors() == before);
  world.settle();
  CHECK_FALSE(*called);
}

TEST_CASE("a dial may be destroyed in its own callback") {
  hand_driven world;
  const deaf_port deaf;
  bool called = false;
  std::unique_ptr<pending> dial;
  dial = world.bytes.dial({"127.0.0.1", deaf.socket.port()}, 10s, [&](auto) {
    dial.reset();
    called = true;
  });
  world.until([&] { return called; });
  CHECK(dial == nullptr);
}

TEST_CASE("no descriptor is left of connections that failed, were cancelled or were refused") {
  const std::size_t before = open_descriptors();
  {
    hand_driven world;
    const deaf_port deaf;
    const full_listener silent("127.0.0.1");
    dialled refused;
    dialled late;
    const auto a = world.bytes.dial({"127.0.0.1", deaf.socket.port()}, 10s, refused.handler());
    const auto b = world.bytes.dial({"127.0.0.1", silent.socket.port()}, 1ms, late.handler());
    auto c = world.bytes.dial({"127.0.0.1", silent.socket.port()}, 10s, [](auto) {});
    world.until([&] { return refused.over() && late.over(); });
    c.reset();
    stream_pair both(world);
    both.client->close();
  }
  CHECK(open_descriptors() == before);
}

// --- names, which the system's blocking pool looks up --------------------------------------------

namespace {

// Dials from a process and gives what came of it.
troupe::task<std::optional<io_error>> dial_error(transport& bytes, endpoint where,
                                                 std::chrono::nanoseconds limit) {
  struct answer {
    std::optional<io_error> error;
  };
  const troupe::context self = troupe::context::current();
  troupe::system& home = self.system();
  std::unique_ptr<pending> dial;
  const troupe::pid me = self;
  co_await run_on(bytes, [&] {
    dial = bytes.dial(where, limit, [&home, me](io_result<std::unique_ptr<stream>> got) {
      home.send(me, got ? answer{} : answer{got.error()});
    });
  });
  const answer got = co_await self.receive<answer>();
  co_await run_on(bytes, [&] { dial.reset(); });
  co_return got.error;
}

}  // namespace

TEST_CASE("a host of which no address is known is no such host") {
  troupe::system system({.workers = 2});
  const auto bytes = transport_of(system);
  const std::string host = GENERATE(as<std::string>(), "no such host", "a..b");
  const auto error = system.run([&](troupe::context) -> troupe::task<std::optional<io_error>> {
    co_return co_await dial_error(*bytes, {host, 7400}, 20s);
  });
  REQUIRE(error);
  CHECK(error->code == io_errc::no_such_host);
  CHECK_THAT(error->text, matchers::ContainsSubstring("cannot find the host '" + host + "'"));
}

TEST_CASE("a name is looked up on the blocking pool and connected to") {
  troupe::system system({.workers = 2});
  const auto bytes = transport_of(system);
  system.run([&](troupe::context) -> troupe::task<> {
    auto listening =
        co_await run_on(*bytes, [&] { return bytes->listen({"localhost", 0}, ignore); });
    const auto error = co_await dial_error(*bytes, {"localhost", (*listening)->port()}, 20s);
    CHECK_FALSE(error.has_value());
    co_await run_on(*bytes, [&] { (*listening).reset(); });
  });
}

TEST_CASE("a name that takes longer than the time given is timed out") {
  troupe::system system({.workers = 2});
  const auto bytes = transport_of(system);
  const auto error = system.run([&](troupe::context) -> troupe::task<std::optional<io_error>> {
    co_return co_await dial_error(*bytes, {"localhost", 7400}, 0ns);
  });
  REQUIRE(error);
  CHECK(error->code == io_errc::timed_out);
}
