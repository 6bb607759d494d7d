// refused: spawn needs a function that takes a troupe::context and then these arguments
#include <troupe/troupe.hpp>

troupe::process counter(troupe::context self, int start);

void misuse(troupe::context self) { self.spawn(counter, std::string("zero")); }
