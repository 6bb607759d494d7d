#pragma once
// How nodes find each other. (libcluster of Elixir; Erlang's sync_nodes_optional.)

#include <troupe/net/etcd.hpp>
#include <troupe/net/node.hpp>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace troupe::net {

/// Gives the names of the nodes that there are, each time that it is asked, in the process that
/// asks. A program may bring its own. What it throws says, in words, what is wrong, where, and how
/// to put it right.
using node_source = std::function<task<std::vector<std::string>>(context)>;

/// Always these.
[[nodiscard]] node_source fixed_nodes(std::vector<std::string> names);

/// What the file lists, a name a line; empty lines and what follows a `#` do not count. Replace it
/// by renaming a new one, so that no half of it is read.
[[nodiscard]] node_source nodes_in_file(std::filesystem::path file);

/// `app@address:port` for each address (A, AAAA) of the host, as a headless service of Kubernetes
/// has them: nodes are then named by their addresses.
[[nodiscard]] node_source nodes_in_dns(std::string app, std::string host, std::uint16_t port);

struct dns_service {
  std::string app;
  /// Such as `_troupe._tcp.store.default.svc.cluster.local`.
  std::string service;
  /// `address:port` (IPv4) of the server that is asked; empty: as /etc/resolv.conf says.
  std::string server = {};
};
/// `app@target:port` for each SRV record of the service.
[[nodiscard]] node_source nodes_in_dns(dns_service where);

/// The nodes that have announced themselves under `prefix + "nodes/"` in etcd, as this one does
/// each time that it is asked: a node that is not heard of for `ttl`, which must be longer than a
/// few intervals of its discovery, is not listed any more.
[[nodiscard]] node_source nodes_in_etcd(const node& home, etcd_options options,
                                        std::chrono::nanoseconds ttl = std::chrono::seconds(30));

struct discovery_options {
  /// How often the source is asked, and a node that is listed and not connected is dialled.
  std::chrono::nanoseconds interval = std::chrono::seconds(5);
  /// Names that are taken of one list at most.
  std::size_t max_nodes = 10'000;
};

/// Keeps a node connected with all that a source lists, as a child of a supervisor. It logs who
/// joins and leaves the cluster, and who is listed and cannot be reached. This node's own name,
/// and one that is listed twice, do no harm. A source that fails is logged, and the last list that
/// it gave holds. Who is not listed any more stays connected as long as it is there: no list can
/// break up a cluster. Registered under its id.
///
///     system.supervise(troupe::one_for_one{},
///                      {discovery("discovery", node, nodes_in_dns("store", "store", 7400))});
[[nodiscard]] child_spec discovery(std::string id, const node& home, node_source from,
                                   discovery_options options = {});

}  // namespace troupe::net
