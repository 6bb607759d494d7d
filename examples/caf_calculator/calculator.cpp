#include "calculator.hpp"

namespace example {

caf::behavior calculator(caf::event_based_actor* self) {
  return {
      [](caf::add_atom, int a, int b) { return a + b; },
      [](caf::sub_atom, int a, int b) { return a - b; },
      [self](caf::div_atom, int a, int b) {
        auto answer = self->make_response_promise<int>();
        if (b == 0)
          self->quit(caf::make_error(caf::sec::runtime_error, "division by zero"));
        else
          answer.deliver(a / b);
        return answer;
      },
  };
}

void customer(caf::event_based_actor* self, const caf::actor& calculator,
              const caf::actor& teller) {
  self->request(calculator, std::chrono::seconds(5), caf::div_atom::value, 84, 2)
      .then([=](int result) { self->send(teller, caf::ok_atom::value, result); });
}

}  // namespace example
