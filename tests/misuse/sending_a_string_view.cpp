// refused: a std::string_view cannot be sent: it may outlive its text; send a std::string
#include <troupe/troupe.hpp>

struct greeting {
  int language;
  std::string_view text;
};

void misuse(troupe::context self, troupe::pid to) { self.send(to, greeting{1, "hello"}); }
