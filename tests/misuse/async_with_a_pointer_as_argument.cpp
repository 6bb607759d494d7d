// refused: a raw pointer cannot be sent: processes share nothing
#include <troupe/async.hpp>

int length(std::string text);

void misuse(troupe::context self) { auto t = troupe::async(self, length, "gone by then"); }
