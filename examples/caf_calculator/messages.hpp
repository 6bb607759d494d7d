#pragma once
// What the processes of both nodes say, and which of it is which message of CAF.

#include <troupe/caf.hpp>

#include <string>

namespace example {

struct add {
  using reply = int;
  int a;
  int b;
};
struct subtract {
  using reply = int;
  int a;
  int b;
};
struct divide {
  using reply = int;
  int a;
  int b;
};
struct outcome {
  int value;
};
using known_types = troupe::caf::types<troupe::caf::maps<add, caf::add_atom, int, int>,
                                       troupe::caf::maps<subtract, caf::sub_atom, int, int>,
                                       troupe::caf::maps<divide, caf::div_atom, int, int>,
                                       troupe::caf::maps<outcome, caf::ok_atom, int>>;

/// Asks the directory of a node for the process of that name.
struct find {
  using reply = troupe::pid;
  std::string name;
};

}  // namespace example
