#include "roles.hpp"

#include <troupe/net/peer.hpp>
#include <troupe/net/singleton.hpp>

#include "ticket.hpp"

namespace leader {

void run_member(const options& chosen) {
  troupe::system system({.workers = 1});
  const troupe::net::node node(system, {});  // name and cookie come from the parent
  const troupe::net::directory names({"directory", chosen.member_of},
                                     {.ttl = chosen.lease, .stop_time = chosen.lease / 10});
  system.supervise(troupe::one_for_one{},
                   {troupe::net::singleton(
                       names, office_name,
                       troupe::child<ticket_office>("office", names, node.name()).backoff({}))});
  system.run(troupe::net::until_parent_ends);
}

}  // namespace leader
