#include <troupe/troupe.hpp>

#include <chrono>
#include <iostream>

using namespace std::chrono_literals;

struct add {
  int by;
};
struct get {
  using reply = int;
};

troupe::process counter(troupe::context self, int value) {
  for (;;) {
    co_await self.receive([&](add m) { value += m.by; },
                          [&](troupe::request<get> r) { r.reply(value); });
  }
}

int main() {
  troupe::system system;
  troupe::pid c = system.spawn(counter, 40);
  system.send(c, add{2});
  std::cout << "the counter says " << system.call(c, get{}, 10s) << '\n';
}
