#pragma once
// The directory of names in etcd, version 3: for clusters that already have one, or whose names are
// to outlive any node of their own.

#include <troupe/net/directory.hpp>

#include <string>
#include <vector>

namespace troupe::net {

struct etcd_options {
  /// `host:port` of the members; the first that answers is asked. Plain HTTP: where etcd wants TLS,
  /// put a proxy beside the node, such as `etcd grpc-proxy`.
  std::vector<std::string> endpoints = {"127.0.0.1:2379"};
  /// Empty: etcd's authentication is off.
  std::string user = {};
  std::string password = {};
  /// What the keys of this cluster begin with.
  std::string prefix = "/troupe/";
  /// For one request, all endpoints together.
  std::chrono::nanoseconds request_time = std::chrono::seconds(4);
  /// Requests under way at once; more are refused. A call that waits for a change is one, and holds
  /// a connection.
  std::size_t max_requests = 1'000;
};

/// A directory whose names are keys `prefix + "names/" + name` in etcd, each with a lease of etcd;
/// the key's create_revision is the fencing token. A child of a supervisor of each node, registered
/// under its id there: `directory("names")`. Leases are of whole seconds, rounded up, and etcd
/// makes very short ones longer. Who deletes keys by hand ends names before their leases. Throws
/// std::invalid_argument: no endpoints, or one that is no `host:port`.
[[nodiscard]] child_spec etcd_directory_child(std::string id, const node& home,
                                              etcd_options options = {});

}  // namespace troupe::net
