#pragma once
// One process of a kind in a whole cluster. (OTP: distributed applications, without takeover.)

#include <troupe/net/directory.hpp>

namespace troupe::net {

/// A child that runs on one of all the nodes whose supervisors have it: on the one that gets the
/// name. The others wait, and one of them takes over when that child has ended or its node is lost;
/// then not before its lease is over. The name leads to the child.
///
///     const troupe::net::directory names({"directory", "a@10.0.0.1:7400"});
///     system.supervise(troupe::one_for_one{},
///                      {singleton(names, "billing", child<billing>("billing"))});
///
/// The specification is the child's: id, restart type, back-off, how it is stopped. When the child
/// ends, the name is given back and the end goes on to the supervisor here, which restarts what
/// waits for the name; who has it then is who claims it first, on any node. For a restart at the
/// same place give a `supervisor` as the child. A lease that was lost stops the child and is no
/// failure. The child learns its fencing token by `co_await names.find(self, "billing")`, after its
/// constructor.
[[nodiscard]] child_spec singleton(const directory& names, std::string name, child_spec child);

}  // namespace troupe::net
