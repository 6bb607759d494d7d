#pragma once

#include <troupe/net/transport.hpp>

#include <boost/asio/ssl/context.hpp>

namespace troupe::net {

/// A file that was read, and where it is, for the texts of errors.
struct pem_file {
  std::string path;
  std::string text;
};

/// What a node brings to the handshakes of TLS: its certificate and key, and the authorities that
/// it trusts. Not changed once it is made. A connection that began with it does not need it to
/// live.
class tls_context {
 public:
  /// Longest chain between a node's certificate and an authority.
  static constexpr int max_chain = 4;
  /// Bytes of certificates that a peer, not yet known, can make this node hold. Four large ones.
  static constexpr long max_peer_certificates = 16L * 1024;

  /// An error if another node would refuse these, or if the certificate does not name `uri`.
  [[nodiscard]] static io_result<std::shared_ptr<tls_context>> make(const pem_file& certificate,
                                                                    const pem_file& key,
                                                                    const pem_file& authority,
                                                                    const std::string& uri);

  [[nodiscard]] boost::asio::ssl::context& native() noexcept { return context_; }

 private:
  tls_context();
  [[nodiscard]] std::optional<std::string> load(const pem_file& certificate, const pem_file& key,
                                                const pem_file& authority);
  [[nodiscard]] std::optional<std::string> check_certificate(const pem_file& certificate,
                                                             const pem_file& authority);
  [[nodiscard]] std::optional<std::string> check_name(const pem_file& certificate,
                                                      const std::string& uri);

  boost::asio::ssl::context context_;
};

/// After the handshake.
[[nodiscard]] io_result<tls_peer> tls_peer_of(SSL* connection);

/// What is the matter between the two sides, and what to do about it; nothing if TLS is not what
/// failed.
[[nodiscard]] std::optional<std::string> tls_failure(const SSL* connection,
                                                     const boost::system::error_code& failed);

}  // namespace troupe::net
