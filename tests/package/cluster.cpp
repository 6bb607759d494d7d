// Two nodes in one program: what a user of troupe::net builds first.
#include <troupe/net/node.hpp>
#include <troupe/troupe.hpp>

#include <chrono>
#include <iostream>

using namespace std::chrono_literals;

struct get {
  using reply = int;
};

troupe::process counter(troupe::context self, int value) {
  for (;;) co_await self.receive([&](troupe::request<get> r) { r.reply(value); });
}

int main() {
  const troupe::net::node_options options{.name = "outside@127.0.0.1:0",
                                          .cookie = "only for this test program"};
  troupe::system here;
  troupe::system there;
  troupe::net::node us(here, options);
  troupe::net::node them(there, options);
  there.spawn_with({.name = "counter"}, counter, 42);
  std::cout << "the counter there says " << here.call({"counter", them.name()}, get{}, 10s) << '\n';
}
