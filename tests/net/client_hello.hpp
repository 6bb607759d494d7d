#pragma once

#include <openssl/ssl.h>

#include <string>

namespace troupe_test {

// What a client of TLS says first.
inline std::string client_hello(SSL_CTX* context) {
  SSL* const client = ::SSL_new(context);
  BIO* const out = ::BIO_new(::BIO_s_mem());
  ::SSL_set_bio(client, ::BIO_new(::BIO_s_mem()), out);
  ::SSL_set_connect_state(client);
  (void)::SSL_do_handshake(client);
  std::string hello(static_cast<std::size_t>(BIO_pending(out)), '\0');
  ::BIO_read(out, hello.data(), static_cast<int>(hello.size()));
  ::SSL_free(client);
  return hello;
}

}  // namespace troupe_test
