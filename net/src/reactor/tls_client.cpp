#include "reactor/tls_client.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "reactor/tls_files.hpp"

namespace troupe::net {

namespace asio = boost::asio;

namespace {

pem_file read(const std::filesystem::path& path, const char* what, pem_content kind) {
  auto file = read_pem_file(path, what, kind);
  if (!file) throw http_error(file.error().text);
  return std::move(*file);
}

void check(const pem_file& file, const char* what, const boost::system::error_code& failed) {
  if (failed)
    throw http_error("the TLS file " + file.path + " holds no " + what +
                     " in PEM form that can be used (" + failed.message() + ")");
}

}  // namespace

asio::ssl::context tls_client_context(const http_tls& files) {
  asio::ssl::context made(asio::ssl::context::tls_client);
  made.set_verify_mode(asio::ssl::verify_peer);
  ::SSL_CTX_set_min_proto_version(made.native_handle(), TLS1_2_VERSION);
  boost::system::error_code failed;
  const pem_file authority =
      read(files.authority, "the TLS authority file", pem_content::open_to_all);
  made.add_certificate_authority(asio::buffer(authority.text), failed);
  check(authority, "certificate", failed);
  if (files.certificate.empty()) return made;
  const pem_file certificate =
      read(files.certificate, "the TLS certificate file", pem_content::open_to_all);
  made.use_certificate_chain(asio::buffer(certificate.text), failed);
  check(certificate, "certificate", failed);
  // A password would be asked for on the terminal.
  made.set_password_callback([](auto, auto) { return std::string(); });
  const pem_file key = read(files.key, "the TLS key file", pem_content::secret);
  made.use_private_key(asio::buffer(key.text), asio::ssl::context::pem, failed);
  check(key, "private key that belongs to the certificate", failed);
  return made;
}

void expect_server(SSL& connection, const std::string& host) {
  X509_VERIFY_PARAM* const check = ::SSL_get0_param(&connection);
  boost::system::error_code is_name;
  (void)asio::ip::make_address(host, is_name);
  if (!is_name) {
    ::X509_VERIFY_PARAM_set1_ip_asc(check, host.c_str());
    return;
  }
  ::X509_VERIFY_PARAM_set_hostflags(check, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  ::X509_VERIFY_PARAM_set1_host(check, host.c_str(), host.size());
  // What SSL_set_tlsext_host_name is, without its C cast. It copies the name.
  ::SSL_ctrl(&connection, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(host.c_str()));
}

std::string tls_client_failure(const SSL& connection, const boost::system::error_code& failed) {
  const long verdict = ::SSL_get_verify_result(&connection);
  if (verdict != X509_V_OK)
    return std::string("its certificate is refused (") + ::X509_verify_cert_error_string(verdict) +
           "): it must be valid now, signed by the authority that was given, and name the host or "
           "address that is asked";
  if (failed.category() == asio::error::get_ssl_category() &&
      ERR_GET_REASON(static_cast<unsigned long>(failed.value())) == SSL_R_WRONG_VERSION_NUMBER)
    return "what it says is not TLS: it may do without, then give no authority";
  return failed.message() +
         ": it may do without TLS, then give no authority, or want a certificate of its clients, "
         "then give one that it trusts";
}

}  // namespace troupe::net
