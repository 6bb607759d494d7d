// refused: a context is of use to its own process only
#include <troupe/troupe.hpp>

troupe::process worker(troupe::context self, troupe::context parent);

void misuse(troupe::context self) { self.spawn(worker, self); }
