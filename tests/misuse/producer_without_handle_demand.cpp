// refused: a producer needs a public handle_demand
#include <troupe/stage.hpp>
#include <troupe/system.hpp>

class numbers : public troupe::producer<int> {};

void misuse(troupe::system& system) { system.spawn<numbers>(); }
