// refused: a message must be a value type that can be moved
#include <troupe/troupe.hpp>

#include <atomic>

void misuse(troupe::context self) { (void)self.receive<std::atomic<int>>(); }
