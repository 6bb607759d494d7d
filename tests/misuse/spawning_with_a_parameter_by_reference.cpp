// refused: a process function takes its parameters by value
#include <troupe/troupe.hpp>

troupe::process greeter(troupe::context self, const std::string& text);

void misuse(troupe::context self) { self.spawn(greeter, std::string("gone by then")); }
