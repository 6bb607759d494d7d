#pragma once
// The processes of the mixed workload and what they say to each other. Each checks what it was
// promised, and tells the world what is broken.

#include <troupe/net/sim.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace troupe_test::workload {

using namespace troupe;
using sim::sim_node;
using sim::world;

// What all processes of a run share.
struct run_state {
  world& w;
  std::vector<std::string> names = {};  // of all nodes
  // Nothing goes wrong with the network of such a run: only users end connections.
  bool calm = false;
  bool quiet = false;                             // and they do not, either
  bool started = false;                           // all nodes are
  bool resting = false;                           // drivers only read their mail
  bool settled = false;                           // they have rested, and all nodes are well
  std::string gone = {};                          // a node that is known to be gone by now
  bool over = false;                              // processes may be ended by the end of the run
  std::map<std::string, steady_time> acted = {};  // drivers, by node: when each was last alive
  std::shared_ptr<const int> kept = std::make_shared<const int>(0);  // by messages, see `token`
};

// The run under way on this thread, for processes that other nodes start.
extern constinit thread_local run_state* run_under_way;

// One of a stream from one process to one name.
struct numbered {
  std::string filling;  // of some, which do not fit in what the network takes at once
  std::string from_node;
  std::uint64_t stream;
  std::uint64_t number;
};
inline constexpr std::size_t filling_size = 70'000;
struct twice {
  using reply = int;
  std::int64_t not_after;  // of a caller on the same node; 0: any time
  int value;
};
struct fall_over {};
struct take_a_nap {};  // for a second nothing is taken up
// For one process only, which knows the number that it was born with.
struct addressed {
  pid to;
  std::uint64_t birth;
};
// Asks the receiver to send that on.
struct introduced {
  addressed what;
};
struct are_you_there {
  using reply = std::uint64_t;  // the number that it was born with
};
struct who_are_you {
  using reply = addressed;
};
// Tells a bystander to say so and then to end.
enum class ending : std::uint8_t { by_error, by_shutdown, by_kill };
struct end_yourself {
  pid tell;
  ending how;
};
struct last_words {
  pid from;
};
// A flapper has done its part.
struct flapped {
  pid who;
};
// Cannot cross to another node, so that what is sent is counted: none may be left at the end.
struct token {
  std::shared_ptr<const int> kept;
};
inline constexpr std::string_view told_to_fail = "told to fail";

// Takes streams and answers calls.
process service(context self, run_state* run, sim_node* here);
// Lives for a while, tied to who made it, and ties itself again and again.
process wanderer(context self, pid maker);
// Does nothing but what it is told, and ends by itself only with `shutdown`. Offered to all nodes.
process bystander(context self, std::uint64_t birth);
// Links to and unlinks from the other, which does the same; at last says that it has. Offered.
process flapper(context self, pid other, int times);
// A little of everything, again and again.
process driver(context self, run_state* run, sim_node* here);

}  // namespace troupe_test::workload
