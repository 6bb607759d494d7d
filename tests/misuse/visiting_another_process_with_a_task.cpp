// refused: a function that visits another process cannot wait there: it must not be a task
#include <troupe/sys.hpp>
#include <troupe/troupe.hpp>

class counter : public troupe::server {
 public:
  using handles = troupe::messages<>;
};

void misuse(troupe::context self, troupe::ref<counter> to) {
  (void)troupe::sys::replace_state(self, to, [](counter&) -> troupe::task<> { co_return; });
}
