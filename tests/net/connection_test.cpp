// The engine of one connection, with nothing around it.
#include "fuzz/connection_host.hpp"
#include "support/catch.hpp"
#include "wire/frame.hpp"

using namespace troupe_fuzz;
using troupe::net::connection;
using troupe::wire::frame;

namespace {

constexpr std::uint32_t peer = 1;
constexpr pid caller{0, 1};
constexpr std::uint64_t number = 7;

// Gives the engine a frame that breaks the protocol, then loses the connection, and counts what the
// caller is told.
int answers_after(message call, const frame& broken) {
  fake_node node;
  int answers = 0;
  node.on_deliver = [&](const destination& to, message& what) {
    const auto* failed = what.get_if<internal::failed_reply>();
    REQUIRE(failed != nullptr);
    CHECK(to.id() == caller);
    CHECK(failed->header.ref == number);
    CHECK(failed->value == exit_reason::noconnection);
    ++answers;
  };
  connection engine(node, peer, {});
  engine.send(pid{peer, 1}, std::move(call));
  const std::string body = broken.SerializeAsString();
  CHECK(engine.on_frame(std::as_bytes(std::span(body))));
  engine.lost(exit_reason::noconnection);
  return answers;
}

}  // namespace

TEST_CASE("a call whose answer breaks the protocol is told that the connection is lost") {
  frame undefined_type;
  undefined_type.mutable_reply()->set_to(caller.id);
  undefined_type.mutable_reply()->set_ref(number);
  undefined_type.mutable_reply()->mutable_message()->set_type(99);
  CHECK(answers_after(call_of(caller, number, 1), undefined_type) == 1);

  frame no_result;
  no_result.mutable_reply()->set_to(caller.id);
  no_result.mutable_reply()->set_ref(number);
  CHECK(answers_after(call_of(caller, number, 1), no_result) == 1);
}

TEST_CASE("a remote spawn whose answer breaks the protocol is told that the connection is lost") {
  internal::request_header header;
  header.reply_to = caller;
  header.ref = number;
  troupe::net::internal::spawn_order order{"b", message::of(std::tuple<int>(1)), true};
  frame no_result;
  no_result.mutable_spawn_reply()->set_to(caller.id);
  no_result.mutable_spawn_reply()->set_ref(number);
  CHECK(answers_after(
            message::of(request<troupe::net::internal::spawn_order>(header, std::move(order))),
            no_result) == 1);
}

TEST_CASE("a request of another node's process goes out as one of this node") {
  fake_node node;
  std::vector<frame> requests;
  node.on_write = [&](const auto& f) {
    if (f.has_request()) requests.push_back(f);
  };
  std::vector<std::pair<pid, std::uint64_t>> told;
  node.on_deliver = [&](const destination& to, message& what) {
    const auto* failed = what.get_if<internal::failed_reply>();
    REQUIRE(failed != nullptr);
    told.emplace_back(to.id(), failed->header.ref);
  };
  connection engine(node, peer, {});
  const pid elsewhere{2, caller.id};
  const pid on_peer{peer, caller.id};
  for (const pid p : {caller, elsewhere, on_peer}) engine.send(pid{peer, 1}, call_of(p, number, 1));
  REQUIRE(requests.size() == 3);
  CHECK(requests[0].request().from() == caller.id);
  // No two with one number, and none of a process that there can be.
  for (const std::size_t passed_on : {1u, 2u}) {
    const pid from{0, requests[passed_on].request().from()};
    CHECK(from.id != 0);
    CHECK(from.generation() == 0);
  }
  CHECK(requests[1].request().ref() != requests[2].request().ref());
  frame reply;
  reply.mutable_reply()->set_to(requests[2].request().from());
  reply.mutable_reply()->set_ref(requests[2].request().ref());
  reply.mutable_reply()->mutable_reason()->set_kind(troupe::wire::exit_reason::shutdown);
  const std::string body = reply.SerializeAsString();
  CHECK_FALSE(engine.on_frame(std::as_bytes(std::span(body))));
  CHECK(told == std::vector{std::pair(on_peer, number)});
  engine.lost(exit_reason::noconnection);
  std::sort(told.begin(), told.end());
  CHECK(told == std::vector{std::pair(caller, number), std::pair(on_peer, number),
                            std::pair(elsewhere, number)});
}

TEST_CASE("a tick that asks is answered at once, and no other tick is taken for the answer") {
  fake_node node;
  std::vector<frame> written;
  node.on_write = [&](const auto& f) { written.push_back(f); };
  connection engine(node, peer, {});
  const auto gets = [&](std::uint32_t ask, std::uint32_t answer) {
    frame tick;
    tick.mutable_tick()->set_ask(ask);
    tick.mutable_tick()->set_answer(answer);
    const std::string body = tick.SerializeAsString();
    CHECK_FALSE(engine.on_frame(std::as_bytes(std::span(body))));
  };
  gets(0, 0);
  gets(0, 1);  // before it was asked
  CHECK(written.empty());
  gets(5, 0);
  REQUIRE(written.size() == 1);
  CHECK(written[0].tick().answer() == 5);
  engine.ask();
  REQUIRE(written.size() == 2);
  const std::uint32_t first = written[1].tick().ask();
  CHECK(first != 0);
  CHECK_FALSE(engine.answered());
  engine.ask();
  gets(0, first);  // too late
  CHECK_FALSE(engine.answered());
  gets(0, written[2].tick().ask());
  CHECK(engine.answered());
}

TEST_CASE("a start with a monitor is refused for a peer whose version knows nothing of it") {
  fake_node node;
  int written = 0;
  std::string why;
  node.on_write = [&](const auto& f) { written += f.has_spawn() ? 1 : 0; };
  node.on_bounce = [&](message&) { why += "bounced "; };
  const auto order = [](std::uint64_t ref) {
    internal::request_header header;
    header.reply_to = caller;
    header.ref = ref;
    troupe::net::internal::spawn_order what{"b", message::of(std::tuple<int>(1)), false, {ref}};
    return message::of(request<troupe::net::internal::spawn_order>(header, std::move(what)));
  };
  connection old(node, peer, {}, 0);
  old.send(pid{peer, 1}, order(number));
  CHECK(written == 0);
  CHECK(why == "bounced ");
  connection present(node, peer, {});
  present.send(pid{peer, 1}, order(number));
  CHECK(written == 1);
  CHECK(why == "bounced ");
}
