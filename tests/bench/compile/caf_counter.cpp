// The program of the README, as one writes it with CAF 0.17.
#include <caf/all.hpp>
#include <cstdint>
#include <iostream>

using add = caf::atom_constant<caf::atom("add")>;
using get = caf::atom_constant<caf::atom("get")>;

struct counter_state {
  int32_t value = 0;
};

caf::behavior counter(caf::stateful_actor<counter_state>* self, int32_t start) {
  self->state.value = start;
  return {[=](add, int32_t by) { self->state.value += by; },
          [=](get) { return self->state.value; }};
}

void caf_main(caf::actor_system& system) {
  auto c = system.spawn(counter, 40);
  caf::scoped_actor self{system};
  self->send(c, add::value, int32_t{2});
  self->request(c, caf::infinite, get::value)
      .receive([](int32_t value) { std::cout << value << '\n'; },
               [&](caf::error& failed) { std::cerr << system.render(failed) << '\n'; });
}

CAF_MAIN()
