// caf_calculator: actors of CAF under a supervisor of troupe, called from another node. See
// README.md.

#include "roles.hpp"

#include <troupe/net/peer.hpp>

#include <exception>
#include <iostream>

int main() {
  try {
    if (troupe::net::is_peer())
      example::run_workshop();
    else
      example::run_desk();
  } catch (const std::exception& failed) {
    std::cerr << "caf_calculator: " << failed.what() << '\n';
    return 1;
  }
}
