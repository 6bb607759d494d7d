#pragma once
// One process of a kind in a whole cluster. (OTP: distributed applications, with takeover left
// out.)

#include <troupe/net/directory.hpp>

namespace troupe::net {

/// A child that runs on one of all the nodes whose supervisors have it: on the one that gets the
/// name. The others wait, and one of them takes over when that child has ended or its node is lost;
/// then not before its lease is over. The name leads to the child.
///
///     const troupe::net::directory names({"directory", "a@10.0.0.1:7400"});
///     system.supervise(troupe::one_for_one{}, {singleton(names, "billing",
///     child<billing>("billing"))});
///
/// The specification is the child's: id, restart type, how it is stopped. The child is started when
/// the name is got; its end gives the name back and ends what waits for it here, with the same
/// reason, so that the supervisor here starts that again, which then waits behind those of other
/// nodes: an end is not followed by a restart at the same place. To have that, give a `supervisor`
/// as the child. A lease that was lost stops the child and is no failure.
[[nodiscard]] child_spec singleton(const directory& names, std::string name, child_spec child);

}  // namespace troupe::net
