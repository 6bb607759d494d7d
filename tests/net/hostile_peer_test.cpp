// Peers that speak the wire by hand, wrongly or not at all: the node must live, and say what
// happened.
#include <boost/asio.hpp>

#include <atomic>
#include <thread>
#include <vector>

#include "net/cluster_support.hpp"
#include "net/os_processes.hpp"
#include "net/peer_program.hpp"
#include "protocol/handshake.hpp"
#include "support/catch.hpp"
#include "wire/frame.hpp"
#include "wire/frame_splitter.hpp"

using namespace troupe_test;
using boost::asio::ip::tcp;
using troupe::context;
using troupe::task;

namespace {

std::string stream_of(const troupe::wire::frame& frame) {
  std::vector<std::byte> bytes;
  troupe::net::append_frame(bytes, frame);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A socket that blocks, to a node; and, if wanted, through the handshake as an honest node would.
class rude_client {
 public:
  explicit rude_client(const std::string& node_name) : socket_(io_) {
    const auto parsed = troupe::net::node_name::parse(node_name);
    const auto& name = std::get<troupe::net::node_name>(parsed);
    socket_.connect({boost::asio::ip::make_address(name.host()), name.port()});
    target_ = name.text();
  }

  void send(const std::string& bytes) {
    boost::system::error_code ignored;
    boost::asio::write(socket_, boost::asio::buffer(bytes), ignored);
  }
  void send(const troupe::wire::frame& frame) { send(stream_of(frame)); }
  // Sends the frame again and again, reading nothing, until the node closes.
  void send_until_cut(const troupe::wire::frame& frame) {
    std::vector<std::byte> bytes;
    while (bytes.size() < 100'000) troupe::net::append_frame(bytes, frame);
    boost::system::error_code failed;
    while (!failed) boost::asio::write(socket_, boost::asio::buffer(bytes), failed);
  }
  // Reads until the node closes.
  std::size_t read_to_end() {
    std::size_t all = 0;
    std::array<char, 4096> buffer;
    for (;;) {
      boost::system::error_code failed;
      const std::size_t n = socket_.read_some(boost::asio::buffer(buffer), failed);
      if (failed) return all;
      all += n;
    }
  }
  // The next frame.
  troupe::wire::frame read() {
    for (;;) {
      if (const auto body = frames_.next()) return troupe::net::parse_frame(*body).value();
      const std::size_t n = socket_.read_some(boost::asio::buffer(buffer_));
      frames_.feed(std::span(buffer_).first(n));
    }
  }
  void join(const std::string& as, std::uint64_t incarnation = 77) {
    say_hello(as, incarnation);
    prove();
  }
  // Why the node does not let it in.
  std::string try_to_join(const std::string& as, std::uint64_t incarnation) {
    say_hello(as, incarnation);
    write(shake_->on_frame(answer_).write);
    const auto step = shake_->on_frame(next_of_handshake());
    const auto* failure = std::get_if<troupe::net::handshake_failure>(&step.outcome);
    return failure == nullptr ? "it was let in" : failure->text;
  }
  std::string address() const {
    return "127.0.0.1:" + std::to_string(socket_.local_endpoint().port());
  }
  // Of its hello.
  std::uint64_t features = 0;
  // Half of the handshake: the node has answered, and waits for the proof.
  void say_hello(const std::string& as, std::uint64_t incarnation = 77) {
    troupe::net::handshake_identity us{
        .name = std::get<troupe::net::node_name>(troupe::net::node_name::parse(as)),
        .incarnation = incarnation,
        .features = features};
    us.fresh_nonce.fill(std::byte{42});
    shake_.emplace(troupe::net::handshake::dial(
        us, secret(), std::get<troupe::net::node_name>(troupe::net::node_name::parse(target_))));
    write(shake_->start().write);
    answer_ = next_of_handshake();
  }
  void prove() {
    for (auto body = answer_;; body = next_of_handshake()) {
      const auto step = shake_->on_frame(body);
      write(step.write);
      if (std::holds_alternative<troupe::net::peer_info>(step.outcome)) return;
      REQUIRE_FALSE(std::holds_alternative<troupe::net::handshake_failure>(step.outcome));
    }
  }

 private:
  static const troupe::net::cookie& secret() {
    static const auto made = troupe::net::cookie::from_text(test_cookie, "the test");
    return std::get<troupe::net::cookie>(made);
  }
  void write(const std::vector<std::byte>& bytes) {
    boost::asio::write(socket_, boost::asio::buffer(bytes));
  }
  std::vector<std::byte> next_of_handshake() {
    for (;;) {
      if (const auto body = of_handshake_.next()) return {body->begin(), body->end()};
      const std::size_t n = socket_.read_some(boost::asio::buffer(buffer_));
      of_handshake_.feed(std::span(buffer_).first(n));
    }
  }
  boost::asio::io_context io_;
  tcp::socket socket_;
  std::string target_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(4096);
  troupe::net::frame_splitter frames_{1 << 30};
  troupe::net::frame_splitter of_handshake_{1024};
  std::optional<troupe::net::handshake> shake_;
  std::vector<std::byte> answer_;
};

troupe::wire::frame tick() {
  troupe::wire::frame frame;
  frame.mutable_tick();
  return frame;
}

std::string big_endian(std::uint32_t n) {
  return {static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8),
          static_cast<char>(n)};
}

// The node does its work with honest peers as if nothing had been.
void check_lives(test_node& node) {
  test_node friendly{{}, "friendly"};
  if (!node.system.whereis("echo")) node.system.spawn_with({.name = "echo"}, echo);
  CHECK(friendly.system.call({"echo", node.name()}, ask{1}) == 2);
}

}  // namespace

TEST_CASE("garbage before the handshake is refused with a line in the log, and the node lives") {
  test_node node{{}, "n"};
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\nHost: here\r\n\r\n"),
        std::string("\x16\x03\x01\x02\x00\x01", 6), big_endian(0), big_endian(1025) + "x",
        big_endian(0x80000000U), big_endian(0xffffffffU), big_endian(5) + "\xff\xff\xff\xff\xff",
        big_endian(2) + std::string("\x62\x00", 2)}) {
    rude_client client(node.name());
    client.send(bytes);
    client.read_to_end();
  }
  CHECK(node.log->has("refused"));
  CHECK(node.node->nodes().empty());
  check_lives(node);
}

TEST_CASE("a peer that says nothing is closed when its setup time is over") {
  test_node node{{.setup_time = 50ms}, "n"};
  rude_client silent(node.name());
  rude_client half(node.name());
  half.send(big_endian(100) + "only a part");
  silent.read_to_end();
  half.read_to_end();
  check_lives(node);
}

TEST_CASE(
    "more handshakes at once than allowed close the oldest, and a good peer joins meanwhile") {
  test_node node{{.max_handshakes = 8}, "n"};
  std::vector<std::unique_ptr<rude_client>> idle;
  for (int i = 0; i < 30; ++i) idle.push_back(std::make_unique<rude_client>(node.name()));
  check_lives(node);
  CHECK(idle.front()->read_to_end() == 0);
}

TEST_CASE("who has said who it is is not closed for the many who say nothing") {
  test_node node{{.tick_time = 1h, .setup_time = 1h, .max_handshakes = 8}, "n"};
  rude_client honest(node.name());
  honest.say_hello("honest@127.0.0.1:9");
  std::vector<std::unique_ptr<rude_client>> idle;
  for (int i = 0; i < 30; ++i) idle.push_back(std::make_unique<rude_client>(node.name()));
  CHECK(idle.front()->read_to_end() == 0);
  honest.prove();
  CHECK(node.log->has("honest@127.0.0.1:9 is up"));
}

TEST_CASE("of those who have said who they are and prove nothing the oldest are closed") {
  test_node node{{.tick_time = 1h, .setup_time = 1h, .max_handshakes = 8}, "n"};
  std::vector<std::unique_ptr<rude_client>> named;
  for (int i = 0; i < 30; ++i) {
    named.push_back(std::make_unique<rude_client>(node.name()));
    named.back()->say_hello("named" + std::to_string(i) + "@127.0.0.1:9");
  }
  named.front()->read_to_end();
  named.back()->prove();
  check_lives(node);
}

TEST_CASE("a frame of the connected protocol before the proof is not dispatched") {
  test_node node{{}, "n"};
  node.system.spawn_with({.name = "echo"}, echo);
  rude_client client(node.name());
  troupe::wire::frame frame;
  frame.mutable_exit()->set_to(1);
  client.send(frame);
  client.read_to_end();
  CHECK(node.system.whereis("echo"));
  check_lives(node);
}

TEST_CASE("what breaks the protocol after the handshake closes that connection with a reason") {
  test_node node{{.max_message_bytes = 100'000}, "n"};
  troupe::wire::frame hello;
  hello.mutable_hello();
  troupe::wire::frame undefined;
  undefined.mutable_send()->set_to(1);
  undefined.mutable_send()->mutable_message()->set_type(99);
  troupe::wire::frame bad_reason;
  bad_reason.mutable_exit()->set_to(1);
  bad_reason.mutable_exit()->mutable_reason()->set_kind(
      static_cast<troupe::wire::exit_reason::word>(77));
  troupe::wire::frame bad_number;
  bad_number.mutable_define_name()->set_id(1);
  bad_number.mutable_define_name()->set_kind(troupe::wire::define_name::type);
  bad_number.mutable_define_name()->set_text("t");
  troupe::wire::frame nobody;
  nobody.mutable_request()->set_ref(1);
  troupe::wire::frame long_fragment;
  long_fragment.mutable_fragment()->set_id(1);
  long_fragment.mutable_fragment()->set_length(200'000);
  long_fragment.mutable_fragment()->set_data("a");
  troupe::wire::frame inner;  // in two fragments of an outer one
  inner.mutable_fragment()->set_id(7);
  inner.mutable_fragment()->set_data(std::string(100, 'x'));
  const std::string body = inner.SerializeAsString();
  troupe::wire::frame fragment_1;
  fragment_1.mutable_fragment()->set_id(1);
  fragment_1.mutable_fragment()->set_length(static_cast<std::uint32_t>(body.size()));
  fragment_1.mutable_fragment()->set_data(body.substr(0, 10));
  troupe::wire::frame fragment_2;
  fragment_2.mutable_fragment()->set_id(1);
  fragment_2.mutable_fragment()->set_data(body.substr(10));
  troupe::wire::frame pauses_nobody;
  pauses_nobody.mutable_pause();
  int n = 0;
  const auto breaks = [&](auto&& bytes, const std::string& why) {
    INFO(why);
    rude_client client(node.name());
    client.join("rude" + std::to_string(++n) + "@127.0.0.1:9");
    client.send(bytes);
    client.read_to_end();
    CHECK(node.log->has(why));
  };
  breaks(hello, "a frame of the handshake after the handshake");
  breaks(undefined, "whose type was not defined");
  breaks(bad_reason, "is of a kind that is unknown here");
  breaks(bad_number, "a number out of range");
  breaks(nobody, "a message to nobody");
  breaks(long_fragment, "200000");
  breaks(stream_of(fragment_1) + stream_of(fragment_2), "a fragment within fragments");
  breaks(fragment_2, "was not begun");
  breaks(pauses_nobody, "a pause of nobody");
  breaks(big_endian(3) + std::string("\xfa\x01\x00", 3),
         "of a kind that this version does not know");
  breaks(big_endian(200'000), "200000");
  breaks(std::string(4, '\0'), "0");
  check_lives(node);
}

TEST_CASE("a peer that asks and never reads the answers is cut when too many wait") {
  test_node node{{.max_message_bytes = 1000, .max_queued_bytes = 1000}, "n"};
  rude_client client(node.name());
  client.join("greedy@127.0.0.1:9");
  troupe::wire::frame asks;
  asks.mutable_spawn()->set_behaviour("not offered");
  asks.mutable_spawn()->mutable_arguments()->set_type(2);
  troupe::wire::frame defines;
  defines.mutable_define_name()->set_id(2);
  defines.mutable_define_name()->set_kind(troupe::wire::define_name::type);
  defines.mutable_define_name()->set_text("t");
  client.send(defines);
  client.send_until_cut(asks);
  CHECK(node.log->has("does not read the answers"));
  check_lives(node);
}

// --- what one peer may hold ---

namespace {

constexpr std::uint64_t first_type = 2;

// Arguments of "waits", or a message, of the type that was defined under the first number.
std::string defines_type(const std::string& name) {
  troupe::wire::frame defines;
  defines.mutable_define_name()->set_id(first_type);
  defines.mutable_define_name()->set_kind(troupe::wire::define_name::type);
  defines.mutable_define_name()->set_text(name);
  return stream_of(defines);
}

troupe::wire::frame spawns(std::uint64_t ref, std::uint64_t monitor = 0, bool link = false) {
  troupe::wire::frame frame;
  auto& out = *frame.mutable_spawn();
  out.set_from(1);
  out.set_ref(ref);
  out.set_behaviour("waits");
  out.mutable_arguments()->set_type(first_type);
  out.set_monitor(monitor);
  out.set_link(link);
  return frame;
}

troupe::process waits_there(context self) { co_await self.receive<die>(); }

troupe::process never_answers(context self) {
  std::vector<troupe::request<ask>> kept;
  for (;;)
    co_await self.receive([&](troupe::request<ask> r) { kept.push_back(std::move(r)); },
                          [&](die) { kept.clear(); });
}

void is_beyond_quota(const troupe::wire::exit_reason& why, const std::string& what) {
  CHECK(why.error_type() == "troupe::peer_quota");
  CHECK_THAT(why.text(), matchers::ContainsSubstring("node_options::quota." + what));
}

void is_cut(rude_client& client, test_node& node, const std::string& why) {
  client.read_to_end();
  CHECK(node.log->has(why));
  check_lives(node);
}

}  // namespace

TEST_CASE("a peer may have so many processes alive that it has started and then is refused") {
  test_node node{{.quota = {.processes = 3}}, "n"};
  node.node->offer("waits", waits_there);
  const std::string arguments(troupe::type_of<std::tuple<>>.name);
  std::vector<std::uint64_t> made;
  {
    rude_client client(node.name());
    client.join("greedy@127.0.0.1:9");
    client.send(defines_type(arguments));
    for (std::uint64_t i = 1; i <= 4; ++i) client.send(spawns(i));
    for (int i = 0; i < 3; ++i) made.push_back(client.read().spawn_reply().process());
    is_beyond_quota(client.read().spawn_reply().reason(), "processes");
  }
  // Those that it has left behind count; each that ends makes room for one.
  REQUIRE(comes_true([&] { return node.node->nodes().empty(); }));
  rude_client again(node.name());
  again.join("greedy@127.0.0.1:9");
  again.send(defines_type(arguments));
  again.send(spawns(1));
  is_beyond_quota(again.read().spawn_reply().reason(), "processes");
  node.system.run([&](context self) -> task<> {
    (void)self.monitor(troupe::pid{0, made[0]});
    self.exit(troupe::pid{0, made[0]}, troupe::exit_reason::kill);
    (void)co_await self.receive<troupe::down>();
  });
  again.send(spawns(2));
  made.push_back(again.read().spawn_reply().process());
  CHECK(made.back() != 0);
  test_node other{{}, "other"};  // has a quota of its own
  CHECK(other.node->spawn_on(node.name(), "waits").id != 0);
}

TEST_CASE("a peer may have so many links and monitors here and is told of each that is refused") {
  test_node node{{.quota = {.links = 2, .monitors = 2}}, "n"};
  node.node->offer("waits", waits_there);
  const troupe::pid target = node.system.spawn(waits_there);
  rude_client client(node.name());
  client.join("greedy@127.0.0.1:9");
  client.send(defines_type(std::string(troupe::type_of<std::tuple<>>.name)));
  for (std::uint64_t from = 1; from <= 3; ++from) {
    troupe::wire::frame links;
    links.mutable_link()->set_from(from);
    links.mutable_link()->set_to(target.id);
    client.send(links);
  }
  const auto exit = client.read().exit();
  CHECK(exit.from_link());
  CHECK(exit.from() == target.id);
  CHECK(exit.to() == 3);
  is_beyond_quota(exit.reason(), "links");
  client.send(spawns(1, 0, true));
  is_beyond_quota(client.read().spawn_reply().reason(), "links");

  for (std::uint64_t ref = 1; ref <= 3; ++ref) {
    troupe::wire::frame monitors;
    monitors.mutable_monitor()->set_from(1);
    monitors.mutable_monitor()->set_ref(ref);
    monitors.mutable_monitor()->set_to(target.id);
    client.send(monitors);
  }
  const auto down = client.read().down();
  CHECK(down.from() == target.id);
  CHECK(down.ref() == 3);
  is_beyond_quota(down.reason(), "monitors");
  client.send(spawns(2, 4));
  is_beyond_quota(client.read().spawn_reply().reason(), "monitors");
  // What is taken back makes room.
  troupe::wire::frame demonitors;
  demonitors.mutable_demonitor()->set_from(1);
  demonitors.mutable_demonitor()->set_ref(1);
  client.send(demonitors);
  client.send(spawns(3, 5));
  const std::uint64_t child = client.read().spawn_reply().process();
  CHECK(child != 0);
  node.system.exit(target, troupe::exit_reason::kill);
  node.system.exit({0, child}, troupe::exit_reason::kill);
}

TEST_CASE("a peer may have so many calls unanswered here and the next is refused") {
  test_node node{{.quota = {.calls = 3}}, "n"};
  node.system.spawn_with({.name = "echo"}, echo);
  const troupe::pid silent = node.system.spawn(never_answers);
  rude_client client(node.name());
  client.join("greedy@127.0.0.1:9");
  client.send(defines_type(std::string(troupe::type_of<ask>.name)));
  const auto asks = [&](std::uint64_t ref) {
    troupe::wire::frame frame;
    auto& out = *frame.mutable_request();
    out.set_from(1);
    out.set_ref(ref);
    out.set_to(silent.id);
    out.mutable_message()->set_type(first_type);
    out.mutable_message()->set_payload(std::string("\x08\x02", 2));  // ask{1}
    client.send(frame);
  };
  for (std::uint64_t ref = 1; ref <= 4; ++ref) asks(ref);
  const auto refused = client.read().reply();
  CHECK(refused.ref() == 4);
  is_beyond_quota(refused.reason(), "calls");
  // An answer, here that there is none, makes room.
  node.system.send(silent, die{});
  for (int i = 0; i < 3; ++i) CHECK(client.read().reply().ref() == static_cast<unsigned>(i) + 1);
  asks(5);
  node.system.exit(silent, troupe::exit_reason::kill);
  const auto answer = client.read().reply();
  CHECK(answer.ref() == 5);
  const auto why = answer.reason().kind();  // it was there before the end, or came after it
  CHECK((why == troupe::wire::exit_reason::killed || why == troupe::wire::exit_reason::noproc));
}

TEST_CASE("a peer that gives one number to two calls or monitors is disconnected") {
  test_node node{{}, "n"};
  node.node->offer("waits", waits_there);
  const troupe::pid target = node.system.spawn(never_answers);
  troupe::wire::frame monitors;
  monitors.mutable_monitor()->set_from(1);
  monitors.mutable_monitor()->set_ref(7);
  monitors.mutable_monitor()->set_to(target.id);
  rude_client twice(node.name());
  twice.join("twice@127.0.0.1:9");
  twice.send(monitors);
  twice.send(monitors);
  is_cut(twice, node, "a monitor with the number of another one");
  rude_client spawner(node.name());
  spawner.join("spawner@127.0.0.1:9");
  spawner.send(defines_type(std::string(troupe::type_of<std::tuple<>>.name)));
  spawner.send(monitors);
  spawner.send(spawns(1, 7));
  is_cut(spawner, node, "spawner@127.0.0.1:9 broke the protocol");
  rude_client caller(node.name());
  caller.join("caller@127.0.0.1:9");
  caller.send(defines_type(std::string(troupe::type_of<ask>.name)));
  troupe::wire::frame asks;
  asks.mutable_request()->set_from(1);
  asks.mutable_request()->set_ref(7);
  asks.mutable_request()->set_to(target.id);
  asks.mutable_request()->mutable_message()->set_type(first_type);
  asks.mutable_request()->mutable_message()->set_payload(std::string("\x08\x02", 2));
  caller.send(asks);
  caller.send(asks);
  is_cut(caller, node, "a request with the number of an open one");
  node.system.exit(target, troupe::exit_reason::kill);
}

TEST_CASE("a peer that vanishes without a word is taken for dead after the tick time") {
  test_node node{{.tick_time = 80ms}, "n"};
  rude_client client(node.name());
  node.system.run([&](context self) -> task<> {
    node.node->monitor_nodes(self);
    co_await self.blocking([&] { client.join("mute@127.0.0.1:9"); });
    CHECK((co_await self.receive<troupe::net::nodeup>()).node == "mute@127.0.0.1:9");
    const auto down = co_await self.receive<troupe::net::nodedown>();
    CHECK(down.reason.find("silent") != std::string::npos);
  });
}

TEST_CASE("nodes that only tick stay connected for many tick times") {
  test_node a{{.tick_time = 40ms}, "a"};
  test_node b{{.tick_time = 40ms}, "b"};
  a.system.run([&](context self) -> task<> {
    a.node->monitor_nodes(self);
    co_await a.node->connect(self, b.name());
    (void)co_await self.receive<troupe::net::nodeup>();
    CHECK_FALSE(co_await self.receive_within<troupe::net::nodedown>(400ms));
  });
}

TEST_CASE("a forged signal for a process that is not there does nothing") {
  test_node node{{}, "n"};
  rude_client client(node.name());
  client.join("rude@127.0.0.1:9");
  for (std::uint64_t id : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0},
                           std::uint64_t{1} << 32, std::uint64_t{0xfffffffff}}) {
    troupe::wire::frame exit, down, unlink, demonitor, reply, spawn_reply;
    exit.mutable_exit()->set_to(id);
    exit.mutable_exit()->mutable_reason()->set_kind(troupe::wire::exit_reason::kill);
    down.mutable_down()->set_to(id);
    down.mutable_down()->mutable_reason()->set_kind(troupe::wire::exit_reason::normal);
    unlink.mutable_unlink()->set_to(id);
    unlink.mutable_unlink()->set_id(1);
    demonitor.mutable_demonitor()->set_ref(id);
    reply.mutable_reply()->set_to(id);
    reply.mutable_reply()->mutable_reason()->set_kind(troupe::wire::exit_reason::normal);
    spawn_reply.mutable_spawn_reply()->set_to(id);
    spawn_reply.mutable_spawn_reply()->set_process(5);
    for (const auto& frame : {exit, down, unlink, demonitor, reply, spawn_reply})
      client.send(frame);
  }
  check_lives(node);
}

// The tick is due while the long message stands in the way: it is sent as soon as another client,
// which joined later, has had as many.
TEST_CASE("ticks and short messages pass a long message that is on its way to a peer") {
  constexpr std::size_t size = 64 << 20;
  test_node node{
      {.tick_time = 1200ms, .max_message_bytes = size + 100, .max_queued_bytes = 2 * size}, "n"};
  const std::string slow_name = "slow@127.0.0.1:9";
  rude_client slow(node.name());
  slow.join(slow_name);
  rude_client other(node.name());
  other.join("other@127.0.0.1:9");
  node.system.send({"somebody", slow_name}, std::string(size, 'x'));
  node.system.run([&](context self) -> task<> {
    self.send({"somebody", slow_name}, number{1});
    co_return;
  });
  for (int ticks = 0; ticks < 3;) {
    ticks += other.read().has_tick() ? 1 : 0;
    slow.send(tick());
    other.send(tick());
  }
  std::size_t left = 1;
  int ticks = 0;
  int short_ones = 0;
  while (left > 0) {
    slow.send(tick());  // reading may take longer than the tick time
    const auto frame = slow.read();
    if (frame.fragment().length() > 0) left = frame.fragment().length();
    left -= frame.has_fragment() ? frame.fragment().data().size() : 0;
    ticks += frame.has_tick() ? 1 : 0;
    short_ones += frame.has_send() ? 1 : 0;
  }
  CHECK(ticks >= 2);
  CHECK(short_ones == 1);
}

namespace {

const std::string twin_name = "twin@127.0.0.1:9";

// Two nodes join under one name: the second one takes the place of the first.
void check_second_takes_place(test_node& node, rude_client& first, rude_client& second) {
  node.system.run([&](context self) -> task<> {
    node.node->monitor_nodes(self);
    co_await self.blocking([&] { first.join(twin_name, 1); });
    CHECK((co_await self.receive<troupe::net::nodeup>()).incarnation == 1);
    co_await self.blocking([&] { second.join(twin_name, 2); });
    CHECK((co_await self.receive<troupe::net::nodedown>()).incarnation == 1);
    CHECK((co_await self.receive<troupe::net::nodeup>()).incarnation == 2);
    co_await self.blocking([&] { first.read_to_end(); });  // it is closed
    CHECK(node.node->nodes() == std::vector{twin_name});
  });
}

}  // namespace

TEST_CASE("of two nodes under one name the second is refused while the first answers") {
  test_node node{{.tick_time = 1h, .setup_time = 1h}, "n"};
  rude_client first(node.name());
  first.features = troupe::net::feature_ask;
  first.join(twin_name, 1);
  for (std::uint64_t incarnation = 2; incarnation < 5; ++incarnation) {
    rude_client second(node.name());
    std::thread answering([&] {
      auto answer = tick();
      while (answer.tick().answer() == 0)
        answer.mutable_tick()->set_answer(first.read().tick().ask());
      first.send(answer);
    });
    const std::string why = second.try_to_join(twin_name, incarnation);
    answering.join();
    CHECK_THAT(why, matchers::ContainsSubstring("(alive)") &&
                        matchers::ContainsSubstring("give every node its own name"));
    CHECK(node.log->has("it comes from " + second.address() +
                        ", and the node of this name that is connected comes from " +
                        first.address() + " and answers"));
  }
  CHECK(node.node->nodes() == std::vector{twin_name});
}

TEST_CASE("a node that does not answer makes room for one of its name") {
  test_node node{{.tick_time = 1h, .setup_time = 2s}, "n"};
  rude_client mute(node.name());
  mute.features = troupe::net::feature_ask;
  rude_client second(node.name());
  check_second_takes_place(node, mute, second);
}

TEST_CASE("a node that cannot be asked makes room for one of its name at once") {
  test_node node{{.tick_time = 1h, .setup_time = 1h}, "n"};
  rude_client old_version(node.name());
  rude_client second(node.name());
  check_second_takes_place(node, old_version, second);
}

TEST_CASE("while a newcomer waits for the node of its name that node may end, and it is let in") {
  test_node node{{.tick_time = 1h, .setup_time = 1h}, "n"};
  auto first = std::make_optional<rude_client>(node.name());
  first->features = troupe::net::feature_ask;
  first->join(twin_name, 1);
  rude_client second(node.name());
  std::thread ending([&] {
    while (first->read().tick().ask() == 0) {
    }
    first.reset();
  });
  second.join(twin_name, 2);
  ending.join();
  CHECK(node.node->nodes() == std::vector{twin_name});
}

TEST_CASE("a node that ends closes connections in the middle of their handshake, both ways") {
  auto node = std::make_unique<test_node>(
      troupe::net::node_options{.tick_time = 1h, .setup_time = 1h}, "n");
  rude_client silent(node->name());
  rude_client half(node->name());
  half.send(big_endian(100) + "only a part");
  // One that listens and never says a word.
  boost::asio::io_context io;
  tcp::acceptor mute(io, {boost::asio::ip::make_address("127.0.0.1"), 0});
  const std::string far = "mute@127.0.0.1:" + std::to_string(mute.local_endpoint().port());
  std::atomic<bool> called{false};
  node->system.spawn([&](context self) -> troupe::process {
    const troupe::destination nobody{"nobody", far};
    auto answer = co_await self.try_call(nobody, ask{1}, troupe::infinity);
    called = !answer && answer.reason() == troupe::exit_reason::noconnection;
  });
  tcp::socket dialled = mute.accept();
  node->node.reset();
  CHECK(comes_true([&] { return called.load(); }));
  silent.read_to_end();
  half.read_to_end();
  boost::system::error_code failed;
  std::string hello;
  boost::asio::read(dialled, boost::asio::dynamic_buffer(hello), failed);
  CHECK(failed);  // the end, after what it had said
}

TEST_CASE(
    "a node without descriptors serves who is connected and lets others in when it has some") {
  constexpr std::uint64_t descriptors = 40;
  test_node a{{}, "a"};
  a.leaves_peers = true;
  auto poor = peer_program();
  poor.limits.open_files = descriptors;
  a.system.run([&](context self) -> task<> {
    const auto peer = co_await troupe::net::start_peer(self, *a.node, poor);
    const troupe::destination far{"echo", peer.node};
    {
      std::vector<std::unique_ptr<rude_client>> many;
      for (std::uint64_t i = 0; i < 2 * descriptors; ++i)
        many.push_back(std::make_unique<rude_client>(peer.node));
      const std::string open = "/proc/" + std::to_string(peer.os_process) + "/fd";
      CHECK(co_await comes_true(self, [&] {
        return std::distance(std::filesystem::directory_iterator(open), {}) == descriptors;
      }));
      for (int i = 0; i < 100; ++i)
        CHECK(co_await self.call(far, ask{i}, troupe::infinity) == i + 1);
    }
    test_node late{{}, "late"};
    CHECK(co_await comes_true(self, [&] {
      try {
        late.node->connect(peer.node);
        return true;
      } catch (const troupe::net::node_error&) {
        return false;
      }
    }));
  });
}

TEST_CASE("a member that names nodes without end is cut, and nodes that were known go on") {
  test_node node{{.tick_time = 1h}, "n"};
  node.system.spawn_with({.name = "echo"}, echo);
  test_node known{{.tick_time = 1h}, "known"};
  CHECK(known.system.call({"echo", node.name()}, ask{1}) == 2);
  rude_client client(node.name());
  client.join("rude@127.0.0.1:9");
  std::vector<std::byte> names;
  for (std::uint64_t i = 1; i < (1 << 16); ++i) {
    troupe::wire::frame frame;
    auto& name = *frame.mutable_define_name();
    name.set_id(2);
    name.set_kind(troupe::wire::define_name::node);
    name.set_text("nobody@127.0.0.1:1");
    name.set_incarnation(i);
    troupe::net::append_frame(names, frame);
  }
  client.send(std::string(reinterpret_cast<const char*>(names.data()), names.size()));
  client.read_to_end();
  CHECK(node.log->has("more nodes than this node keeps track of"));
  const test_node late{{}, "late"};
  CHECK_THROWS_AS(late.node->connect(node.name()), troupe::net::node_error);
  CHECK(known.system.call({"echo", node.name()}, ask{2}) == 3);
  known.node->disconnect(node.name());
  CHECK(comes_true([&] { return known.node->nodes().empty(); }));
  CHECK(known.system.call({"echo", node.name()}, ask{3}) == 4);
}
