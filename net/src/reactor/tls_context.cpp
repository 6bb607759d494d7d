#include "reactor/tls_context.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <stdexcept>

#include "wire/printable.hpp"

namespace troupe::net {

namespace asio = boost::asio;

namespace {

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* one) const noexcept {
    Free(one);
  }
};
template <class T, auto Free>
using owned = std::unique_ptr<T, freed_by<Free>>;

constexpr const char* how_to_make =
    "; make the files anew, for development with cmake/certificates.sh";

// The encrypted key is refused: a node has nobody to ask.
int no_password(char*, int, int, void*) { return 0; }

std::vector<std::string> uris_of(const X509* certificate) {
  std::vector<std::string> uris;
  const owned<GENERAL_NAMES, &GENERAL_NAMES_free> names(static_cast<GENERAL_NAMES*>(
      ::X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int type = 0;
    const void* const value =
        ::GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
    if (type != GEN_URI) continue;
    const auto* const text = static_cast<const ASN1_STRING*>(value);
    // OpenSSL's bytes are unsigned.
    const auto* const data = reinterpret_cast<const char*>(::ASN1_STRING_get0_data(text));
    uris.emplace_back(data, static_cast<std::size_t>(::ASN1_STRING_length(text)));
  }
  return uris;
}

std::string reason_of(const boost::system::error_code& failed) {
  return failed.message().empty() ? "nothing of it can be read" : failed.message();
}

}  // namespace

void stream::await_bytes(std::function<void()>) {
  throw std::logic_error("this transport has no TLS to wait for");
}
void stream::start_tls(tls_context&, tls_side, tls_handler) {
  throw std::logic_error("this transport has no TLS: leave node_options::tls empty with it");
}

// --- what this side brings -----------------------------------------------------------------------

tls_context::tls_context() : context_(asio::ssl::context::tlsv13) {
  context_.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
  SSL_CTX* const all = context_.native_handle();
  ::SSL_CTX_set_verify_depth(all, max_chain);
  SSL_CTX_set_max_cert_list(all, max_peer_certificates);
  SSL_CTX_set_mode(all, SSL_MODE_NO_AUTO_CHAIN);  // shows what its file has, no more
  // Every connection shows its certificates: none goes on where an older one ended.
  ::SSL_CTX_set_num_tickets(all, 0);
  SSL_CTX_set_session_cache_mode(all, SSL_SESS_CACHE_OFF);
}

io_result<std::shared_ptr<tls_context>> tls_context::make(const pem_file& certificate,
                                                          const pem_file& key,
                                                          const pem_file& authority,
                                                          const std::string& uri) {
  std::shared_ptr<tls_context> made(new tls_context);
  auto wrong = made->load(certificate, key, authority);
  if (!wrong) wrong = made->check_certificate(certificate, authority);
  if (!wrong) wrong = made->check_name(certificate, uri);
  if (wrong) return io_error{io_errc::tls, *wrong + how_to_make};
  return made;
}

std::optional<std::string> tls_context::load(const pem_file& certificate, const pem_file& key,
                                             const pem_file& authority) {
  boost::system::error_code failed;
  context_.add_certificate_authority(asio::buffer(authority.text), failed);
  if (failed)
    return "the TLS authority file " + authority.path + " holds no certificate in PEM form (" +
           reason_of(failed) + ")";
  context_.use_certificate_chain(asio::buffer(certificate.text), failed);
  if (failed)
    return "the TLS certificate file " + certificate.path +
           " holds no certificate in PEM form that can be used (" + reason_of(failed) + ")";
  const owned<BIO, &BIO_free_all> text(
      ::BIO_new_mem_buf(key.text.data(), static_cast<int>(key.text.size())));
  const owned<EVP_PKEY, &EVP_PKEY_free> secret(
      ::PEM_read_bio_PrivateKey(text.get(), nullptr, no_password, nullptr));
  if (secret == nullptr)
    return "the TLS key file " + key.path +
           " holds no private key in PEM form, or one that is encrypted, which a node cannot use";
  SSL_CTX* const all = context_.native_handle();
  if (::X509_check_private_key(::SSL_CTX_get0_certificate(all), secret.get()) != 1 ||
      ::SSL_CTX_use_PrivateKey(all, secret.get()) != 1)
    return "the TLS key file " + key.path + " does not belong to the certificate file " +
           certificate.path + ": name the key with which that certificate was asked for";
  return std::nullopt;
}

// Judges it as the other node will.
std::optional<std::string> tls_context::check_certificate(const pem_file& certificate,
                                                          const pem_file& authority) {
  SSL_CTX* const all = context_.native_handle();
  STACK_OF(X509)* between = nullptr;
  SSL_CTX_get_extra_chain_certs(all, static_cast<void*>(&between));
  for (const int purpose : {X509_PURPOSE_SSL_SERVER, X509_PURPOSE_SSL_CLIENT}) {
    const owned<X509_STORE_CTX, &X509_STORE_CTX_free> check(::X509_STORE_CTX_new());
    ::X509_STORE_CTX_init(check.get(), ::SSL_CTX_get_cert_store(all),
                          ::SSL_CTX_get0_certificate(all), between);
    ::X509_STORE_CTX_set_purpose(check.get(), purpose);
    if (::X509_verify_cert(check.get()) == 1) continue;
    return "the TLS certificate file " + certificate.path +
           " would be refused by other nodes, by the authority file " + authority.path + " (" +
           ::X509_verify_cert_error_string(::X509_STORE_CTX_get_error(check.get())) + ")";
  }
  return std::nullopt;
}

std::optional<std::string> tls_context::check_name(const pem_file& certificate,
                                                   const std::string& uri) {
  const auto uris = uris_of(::SSL_CTX_get0_certificate(context_.native_handle()));
  if (std::ranges::find(uris, uri) != uris.end()) return std::nullopt;
  std::string named = "no URI";
  for (const auto& other : uris) named = (&other == &uris.front() ? "" : named + " ") + other;
  return "the TLS certificate file " + certificate.path + " does not name this node: it needs " +
         uri + " among its subject alternative names, as a URI, and has " + printable(named, 300);
}

// --- what a connection tells ---------------------------------------------------------------------

io_result<tls_peer> tls_peer_of(SSL* connection) {
  constexpr std::string_view label = "EXPORTER-Channel-Binding";
  constexpr std::size_t length = 32;
  const owned<X509, &X509_free> certificate(::SSL_get1_peer_certificate(connection));
  std::vector<unsigned char> binding(length);
  if (certificate == nullptr ||
      ::SSL_export_keying_material(connection, binding.data(), binding.size(), label.data(),
                                   label.size(), nullptr, 0, 1) != 1)
    return io_error{io_errc::tls, "OpenSSL does not tell whom a connection is with"};
  const auto bytes = std::as_bytes(std::span(binding));
  return tls_peer{uris_of(certificate.get()), {bytes.begin(), bytes.end()}};
}

namespace {

// The last word of the other side, as TLS has it: an alert.
bool is_alert(int reason) {
  constexpr int alerts = 256;
  return reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + alerts;
}

std::string explained(const SSL* connection, const boost::system::error_code& failed) {
  const int reason = ERR_GET_REASON(static_cast<unsigned long>(failed.value()));
  const std::string text = " (" + failed.message() + ")";
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return std::string("its certificate is refused (") +
             ::X509_verify_cert_error_string(::SSL_get_verify_result(connection)) +
             "): give it one that is valid now and signed by an authority which this node trusts "
             "(tls_options::authority)";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "it shows no certificate: every node needs one (node_options::tls)";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
      return "what it says is not TLS" + text +
             ": it may be a node without TLS, then give it node_options::tls, or another program";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return "the two have no version of TLS in common" + text + ": nodes speak TLS 1.3 only";
    default: break;
  }
  if (is_alert(reason)) return "it refuses this side" + text + "; its log says why";
  return failed.message();
}

}  // namespace

std::optional<std::string> tls_failure(const SSL* connection,
                                       const boost::system::error_code& failed) {
  if (failed.category() == asio::error::get_ssl_category()) return explained(connection, failed);
  const bool shaken = ::SSL_is_init_finished(connection) == 1;
  if (shaken || ::SSL_is_server(connection) == 1) return std::nullopt;
  // One that has no use for TLS closes when it sees it.
  if (failed == asio::ssl::error::stream_truncated || failed == asio::error::eof ||
      failed == asio::error::connection_reset)
    return "it closed the connection in the middle of the TLS handshake: it may be a node without "
           "TLS, then give it node_options::tls; else its log says why";
  return std::nullopt;
}

}  // namespace troupe::net
