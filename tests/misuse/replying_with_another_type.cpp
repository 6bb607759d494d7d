// refused: this value is not of the request's reply type
#include <troupe/troupe.hpp>

struct get {
  using reply = int;
};

void misuse(troupe::request<get> asked) { asked.reply(std::string("five")); }
