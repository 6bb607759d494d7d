// refused: a std::string_view cannot be sent: it may outlive its text
#include <troupe/async.hpp>

troupe::task<std::string_view> first_line(troupe::context self, std::string text);

void misuse(troupe::context self) { auto t = troupe::async(self, first_line, std::string("a\nb")); }
