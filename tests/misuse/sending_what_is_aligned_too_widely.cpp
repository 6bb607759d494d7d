// refused: a message may be aligned to 16 bytes at most
#include <troupe/troupe.hpp>

struct alignas(64) line {
  int value;
};

void misuse(troupe::context self, troupe::pid to) { self.send(to, line{1}); }
