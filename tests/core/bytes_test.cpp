// Immutable bytes that processes share.
#include <troupe/bytes.hpp>

#include "core/support.hpp"

using namespace troupe_test;
using troupe::bytes;
using troupe::context;
using troupe::pid;
using troupe::process;
using troupe::task;

namespace {

std::uintptr_t address_of(const bytes& of) { return reinterpret_cast<std::uintptr_t>(of.data()); }

struct page {
  using reply = std::uintptr_t;  // where the receiver sees its bytes
  bytes body;
};

process reader(context self) {
  for (;;) co_await self.receive([](troupe::request<page> r) { r.reply(address_of(r->body)); });
}

}  // namespace

TEST_CASE("bytes made of a string or a vector take it over") {
  std::string text(1000, 'x');
  const auto text_at = reinterpret_cast<std::uintptr_t>(text.data());
  const bytes of_text(std::move(text));
  CHECK(address_of(of_text) == text_at);
  CHECK(of_text.size() == 1000);
  std::vector<std::byte> raw(1000, std::byte{7});
  const auto raw_at = reinterpret_cast<std::uintptr_t>(raw.data());
  CHECK(address_of(bytes(std::move(raw))) == raw_at);
}

TEST_CASE("bytes made of what others own are a copy") {
  std::string text = "before";
  const bytes copied(text);
  text = "after!";
  CHECK(copied.text() == "before");
  CHECK(bytes("a literal").text() == "a literal");
  const std::vector raw{std::byte{1}, std::byte{2}};
  CHECK(std::ranges::equal(bytes(std::span(raw)), raw));
}

TEST_CASE("no bytes are empty however they are made") {
  for (const bytes& none : {bytes(), bytes(""), bytes(std::string()),
                            bytes(std::vector<std::byte>()), bytes("x").part(1)}) {
    CHECK(none.empty());
    CHECK(none == bytes());
  }
}

TEST_CASE("a part of bytes shares their memory and lives on its own") {
  bytes part;
  {
    const bytes whole(std::string(1000, 'a') + "tail");
    part = whole.part(1000, 99);
    CHECK(address_of(part) == address_of(whole) + 1000);
  }
  CHECK(part.text() == "tail");
  CHECK(part.part(1, 2).text() == "ai");
  CHECK_THROWS_WITH(part.part(5), matchers::ContainsSubstring("from 5 on") &&
                                      matchers::ContainsSubstring("only 4"));
}

TEST_CASE("processes see the same bytes in memory and no copy") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const bytes shared(std::string(100'000, 'x'));
    const pid first = self.spawn(reader);
    const pid second = self.spawn(reader);
    const std::uintptr_t at_first = co_await self.call(first, page{shared});
    const std::uintptr_t at_second = co_await self.call(second, page{shared});
    CHECK(at_first == address_of(shared));
    CHECK(at_second == address_of(shared));
    self.exit(first, troupe::exit_reason::kill);
    self.exit(second, troupe::exit_reason::kill);
  });
}

TEST_CASE("bytes are measured with the message that holds them") {
  checked_system sys;
  sys->run([](context self) -> task<> {
    const pid p = self.spawn_with({.mailbox = {.bytes = 10'000}}, idler).id;
    CHECK(self.try_send(p, bytes(std::string(9'000, 'x'))));
    CHECK_FALSE(self.try_send(p, bytes(std::string(9'000, 'x'))));
    self.exit(p, troupe::exit_reason::kill);
    co_return;
  });
}
