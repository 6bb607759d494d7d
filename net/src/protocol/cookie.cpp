#include "protocol/cookie.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <memory>
#include <stdexcept>

namespace troupe::net {
namespace {

struct free_kdf {
  void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};

[[noreturn]] void fail(const std::string& what) {
  std::array<char, 256> detail{};
  ERR_error_string_n(ERR_get_error(), detail.data(), detail.size());
  throw std::runtime_error("OpenSSL cannot compute " + what + " (" + detail.data() +
                           "): install OpenSSL 3 with its default provider");
}

unsigned char* to(std::span<std::byte> data) {
  return reinterpret_cast<unsigned char*>(data.data());
}
const unsigned char* from(std::span<const std::byte> data) {
  return reinterpret_cast<const unsigned char*>(data.data());
}

// OpenSSL's parameters take pointers to non-const and only read what they point to.
OSSL_PARAM octets(const char* name, std::string_view value) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(value.data()), value.size());
}

void hkdf_sha256(std::string_view secret, std::string_view info, std::span<std::byte> key) {
  const std::unique_ptr<EVP_KDF, free_kdf> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  const std::unique_ptr<EVP_KDF_CTX, free_kdf> context(kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr);
  std::string digest = "SHA256";
  const std::array<OSSL_PARAM, 4> params = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
      octets(OSSL_KDF_PARAM_KEY, secret),
      octets(OSSL_KDF_PARAM_INFO, info),
      OSSL_PARAM_construct_end(),
  };
  if (!context || EVP_KDF_derive(context.get(), to(key), key.size(), params.data()) != 1)
    fail("HKDF-SHA-256");
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view white = " \t\r\n";
  const std::size_t first = text.find_first_not_of(white);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(white) - first + 1);
}

}  // namespace

std::string_view to_string(role who) noexcept {
  return who == role::dialler ? "dialler" : "acceptor";
}

std::variant<cookie, cookie_error> cookie::from_text(std::string_view text,
                                                     std::string_view where) {
  const std::string_view secret = trimmed(text);
  const std::string place(where);
  if (secret.size() < min_bytes)
    return cookie_error{
        cookie_error::cause::too_short,
        "the cookie in " + place + " is " +
            (secret.empty() ? "empty" : "only " + std::to_string(secret.size()) + " bytes long") +
            ": it needs at least " + std::to_string(min_bytes) +
            " that nobody can guess, the same on all nodes; make one with: " +
            std::string(how_to_make)};
  if (secret.size() > max_bytes)
    return cookie_error{
        cookie_error::cause::too_long,
        "the cookie in " + place + " is longer than " + std::to_string(max_bytes) +
            " bytes: this is not a cookie; make one with: " + std::string(how_to_make)};
  return cookie(secret);
}

cookie::cookie(std::string_view text) {
  for (const role who : {role::dialler, role::acceptor})
    hkdf_sha256(text, "troupe v1 " + std::string(to_string(who)),
                keys_[static_cast<std::size_t>(who)]);
}

cookie::cookie(cookie&& other) noexcept : keys_(other.keys_) {
  OPENSSL_cleanse(other.keys_.data(), sizeof other.keys_);
}

cookie::~cookie() { OPENSSL_cleanse(keys_.data(), sizeof keys_); }

mac cookie::prove(role prover, std::span<const std::byte> transcript) const {
  const key& secret = keys_[static_cast<std::size_t>(prover)];
  mac out{};
  std::size_t size = 0;
  if (EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, secret.data(), secret.size(),
                from(transcript), transcript.size(), to(out), out.size(), &size) == nullptr ||
      size != out.size())
    fail("HMAC-SHA-256");
  return out;
}

bool cookie::verify(role prover, std::span<const std::byte> transcript,
                    std::span<const std::byte> proof) const {
  const mac expected = prove(prover, transcript);
  return proof.size() == expected.size() &&
         CRYPTO_memcmp(proof.data(), expected.data(), expected.size()) == 0;
}

}  // namespace troupe::net
