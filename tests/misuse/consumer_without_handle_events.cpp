// refused: a consumer needs a public handle_events
#include <troupe/stage.hpp>
#include <troupe/system.hpp>

#include <string>

class sink : public troupe::consumer<int> {
 public:
  void handle_events(std::vector<std::string> events);
};

void misuse(troupe::system& system) { system.spawn<sink>(); }
