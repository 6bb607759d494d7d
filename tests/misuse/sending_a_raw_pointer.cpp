// refused: a raw pointer cannot be sent: processes share nothing; send the value
#include <troupe/troupe.hpp>

void misuse(troupe::context self, troupe::pid to) { self.send(to, "a text"); }
