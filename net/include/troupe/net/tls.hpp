#pragma once

#include <troupe/compiler.hpp>

#include <filesystem>

namespace troupe::net {

/// The files by which a node and its peers know each other: TLS 1.3, with certificates on both
/// sides. All in PEM form; `cmake/certificates.sh` makes them for development.
///
///     troupe::net::node node(system, {.name = "a@10.0.0.1:7400",
///                                     .tls = {.certificate = "tls/a@10.0.0.1.pem",
///                                             .key = "tls/a@10.0.0.1.key",
///                                             .authority = "tls/ca.pem"}});
///
/// A certificate names its node by a URI among its subject alternative names: `troupe:app@host`,
/// the node's name without the port. It may name several nodes, such as one and the peers that it
/// starts. Who shows a certificate that does not name it is refused, whatever its cookie.
///
/// The files are looked at for each new connection, and read anew when one has changed; connections
/// that are up go on. Files that are wrong then are reported in the log, and what they held before
/// is still used. Exchange files by renaming, so that none is read half written.
///
/// All empty: from the environment variables named below, which a parent sets for the peers that it
/// starts; if they are not set either, the node does without TLS.
struct tls_options {
  /// This node's certificate, and after it those between it and the authority, if any.
  /// ($TROUPE_TLS_CERTIFICATE)
  std::filesystem::path certificate = {};
  /// The certificate's private key, not encrypted. It belongs to this user, who alone can read it,
  /// or to root, and then a group may read it as well. ($TROUPE_TLS_KEY)
  std::filesystem::path key = {};
  /// Certificates of the authorities whose word this node takes: two while one replaces the other.
  /// ($TROUPE_TLS_AUTHORITY)
  std::filesystem::path authority = {};
};

}  // namespace troupe::net
