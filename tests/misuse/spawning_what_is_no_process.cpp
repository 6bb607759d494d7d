// refused: spawn needs a function that takes a troupe::context and then these arguments
#include <troupe/troupe.hpp>

void misuse(troupe::system& system) {
  system.spawn([](int) {}, 1);
}
