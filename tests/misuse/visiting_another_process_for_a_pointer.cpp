// refused: a raw pointer cannot be sent: processes share nothing; send the value
#include <troupe/sys.hpp>
#include <troupe/troupe.hpp>

class counter : public troupe::server {
 public:
  using handles = troupe::messages<>;
};

void misuse(troupe::context self, troupe::ref<counter> to) {
  (void)troupe::sys::replace_state(self, to, [](counter& c) { return &c; });
}
