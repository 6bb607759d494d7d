// A message to another node is encoded by its sender, or by the executor: which of the two must not
// be seen.
#include <atomic>
#include <string>
#include <vector>

#include "net/cluster_support.hpp"
#include "support/catch.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::destination;
using troupe::pid;
using troupe::process;

namespace {

struct brief {
  std::uint64_t sender;
  std::uint64_t number;
};
struct lengthy {
  std::uint64_t sender;
  std::uint64_t number;
  std::string content;
};
struct with_pid {
  std::uint64_t sender;
  std::uint64_t number;
  pid somebody;
};
struct asked_order {
  using reply = std::uint64_t;  // how many messages were out of order
};

// Counts what does not come in the order in which its sender has numbered it.
process strict_reader(context self, std::size_t senders) {
  std::vector<std::uint64_t> next(senders, 0);
  std::uint64_t wrong = 0;
  const auto note = [&](std::uint64_t sender, std::uint64_t number) {
    wrong += next.at(sender) == number ? 0 : 1;
    next.at(sender) = number + 1;
  };
  for (;;)
    co_await self.receive([&](brief m) { note(m.sender, m.number); },
                          [&](const lengthy& m) { note(m.sender, m.number); },
                          [&](with_pid m) { note(m.sender, m.number); },
                          [&](troupe::request<asked_order> r) { r.reply(wrong); },
                          [&](troupe::request<name_yourself> r) { r.reply(self.id()); });
}

// One message; the number chooses its kind: most are brief.
void send_one(context self, std::uint64_t sender, std::uint64_t number, pid to,
              const destination& name, pid third) {
  if (number % 97 == 0)
    self.send(to, lengthy{sender, number, std::string(100'000, 'x')});  // goes in fragments
  else if (number % 31 == 0)
    self.send(to, lengthy{sender, number, std::string(10'000, 'x')});
  else if (number % 29 == 0)
    self.send(to, with_pid{sender, number, third});
  else if (number % 23 == 0)
    self.send(name, brief{sender, number});
  else
    self.send(to, brief{sender, number});
}

// A reader on another node, as it is known here.
struct far_reader {
  far_reader(test_node& here, test_node& there, std::size_t senders)
      : name("reader", there.name()) {
    there.system.spawn_with({.name = "reader"}, strict_reader, senders);
    id = here.system.run(
        [&](context self) { return pid_of(self, std::string(name.name()), there.name()); });
  }
  destination name;
  pid id;
};

// Has the senders begin; once all have ended well, and the reader has taken what they sent.
std::uint64_t wrong_after(test_node& here, const std::vector<pid>& senders, pid reader) {
  return here.system.run([&](context self) -> troupe::task<std::uint64_t> {
    for (const pid sender : senders) {
      (void)self.monitor(sender);
      self.send(sender, number{});
    }
    for (std::size_t i = 0; i < senders.size(); ++i) {
      const auto ended = co_await self.receive<troupe::down>();
      CHECK(ended.reason == troupe::exit_reason::normal);
    }
    co_return co_await self.call(reader, asked_order{}, troupe::infinity);
  });
}

}  // namespace

TEST_CASE("what processes send to one of another node arrives as sent whichever way it goes") {
  constexpr std::size_t count_of_senders = 8;
  constexpr std::uint64_t count = 1'000;
  test_node a{{}, "a"};
  test_node b{{}, "b"};
  const far_reader reader(a, b, count_of_senders);
  test_node c{{}, "c"};
  c.system.spawn_with({.name = "third"}, echo);
  const pid third = a.system.run([&](context self) { return pid_of(self, "third", c.name()); });
  std::vector<pid> senders;
  for (std::uint64_t sender = 0; sender < count_of_senders; ++sender)
    senders.push_back(a.system.spawn([&, sender](context self) -> process {
      (void)co_await self.receive<number>();
      for (std::uint64_t i = 0; i < count; ++i) {
        send_one(self, sender, i, reader.id, reader.name, third);
        if (i % 200 == 0) co_await self.yield();
      }
    }));
  CHECK(wrong_after(a, senders, reader.id) == 0);
}

TEST_CASE("messages arrive as sent when a connection gives out its numbers anew") {
  constexpr std::uint64_t names = 40'000;  // more than half of max_definitions
  test_node a{{}, "a"};
  test_node b{{}, "b"};
  const far_reader reader(a, b, 1);
  const pid sender = a.system.spawn([&](context self) -> process {
    (void)co_await self.receive<number>();
    std::uint64_t next = 0;
    for (std::uint64_t i = 0; i < names; ++i) {
      if (i % 100 == 0) {
        // Nothing waits after an answer: the sender encodes the next ones.
        (void)co_await self.call(reader.id, asked_order{}, troupe::infinity);
        for (int k = 0; k < 5; ++k) self.send(reader.id, brief{0, next++});
        self.send(reader.id, lengthy{0, next++, "another type"});
      }
      self.send({"nobody" + std::to_string(i), b.name()}, brief{0, i});
      self.send(reader.id, brief{0, next++});
    }
  });
  CHECK(wrong_after(a, {sender}, reader.id) == 0);
}

TEST_CASE("a message of a kind that cannot cross is told and holds up none after it") {
  test_node a{{.max_message_bytes = 2000}, "a"};
  test_node b{{}, "b"};
  const far_reader reader(a, b, 1);
  const pid sender = a.system.spawn([&](context self) -> process {
    (void)co_await self.receive<number>();
    for (std::uint64_t i = 0; i < 100; ++i) {
      self.send(reader.id, brief{0, i});
      if (i == 50) self.send(reader.id, lengthy{0, 1000, std::string(3000, 'x')});
    }
  });
  CHECK(wrong_after(a, {sender}, reader.id) == 0);
  CHECK(a.log->has("was dropped"));
}
