#pragma once
// The directory of names in etcd, version 3: for clusters that already have one, or whose names are
// to outlive any node of their own.

#include <troupe/net/directory.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace troupe::net {

/// How etcd is asked over TLS, 1.2 or newer: files in PEM form, read anew for each connection, so
/// that they can be renewed.
struct etcd_tls_options {
  /// The authorities whose word this node takes for etcd's certificates, which must name the host
  /// or address that stands in `endpoints`. Empty: etcd is asked without TLS.
  std::filesystem::path authority = {};
  /// What this node shows where etcd wants certificates of its clients (`--client-cert-auth`): both
  /// or neither. For the key's file holds what tls_options::key says.
  std::filesystem::path certificate = {};
  std::filesystem::path key = {};
};

struct etcd_options {
  /// `host:port` of the members; the first that answers is asked.
  std::vector<std::string> endpoints = {"127.0.0.1:2379"};
  etcd_tls_options tls = {};
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
/// std::invalid_argument: no endpoints, one that is no `host:port`, or a part of `tls` alone.
[[nodiscard]] child_spec etcd_directory_child(std::string id, const node& home,
                                              etcd_options options = {});

}  // namespace troupe::net
