// refused: a process function has no result: spawn it, or let it return a task
#include <troupe/async.hpp>

troupe::process counter(troupe::context self, int start);

void misuse(troupe::context self) { auto t = troupe::async(self, counter, 1); }
