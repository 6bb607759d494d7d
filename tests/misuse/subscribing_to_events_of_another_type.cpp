// refused: this producer gives another type of events than the consumer takes
#include <troupe/stage.hpp>
#include <troupe/system.hpp>

#include <string>

class names : public troupe::producer<std::string> {
 public:
  std::vector<std::string> handle_demand(std::size_t) { return {}; }
};
class sink : public troupe::consumer<int> {
 public:
  void handle_events(std::vector<int>) {}
};

void misuse(troupe::system& system, troupe::ref<sink> to, troupe::ref<names> from) {
  subscribe(system, to, from);
}
