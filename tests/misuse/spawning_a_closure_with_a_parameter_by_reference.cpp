// refused: a process function takes its parameters by value
#include <troupe/troupe.hpp>

void misuse(troupe::context self) {
  self.spawn(
      [](troupe::context, const std::string& text) -> troupe::process {
        (void)text;
        co_return;
      },
      std::string("gone by then"));
}
