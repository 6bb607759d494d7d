// refused: a task's function takes its parameters by value
#include <troupe/async.hpp>

troupe::task<int> count(troupe::context self, const std::string& text);

void misuse(troupe::context self) { auto t = troupe::async(self, count, std::string("gone")); }
