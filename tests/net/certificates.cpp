#include "net/certificates.hpp"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstdlib>
#include <cstring>  // which a macro of OpenSSL needs
#include <fstream>

#include "support/catch.hpp"

namespace troupe_test {

namespace {

template <class T, void (*Free)(T*)>
struct freed {
  void operator()(T* one) const noexcept { Free(one); }
};
using key_handle = std::unique_ptr<EVP_PKEY, freed<EVP_PKEY, EVP_PKEY_free>>;
using certificate_handle = std::unique_ptr<X509, freed<X509, X509_free>>;

template <class Write>
std::string pem_text(Write write) {
  BIO* const memory = ::BIO_new(BIO_s_mem());
  write(memory);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(memory, &data);
  std::string text(data, static_cast<std::size_t>(size));
  ::BIO_free(memory);
  return text;
}

std::string text_of(X509* certificate) {
  return pem_text([&](BIO* to) { ::PEM_write_bio_X509(to, certificate); });
}
std::string text_of(EVP_PKEY* key) {
  return pem_text(
      [&](BIO* to) { ::PEM_write_bio_PrivateKey(to, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

key_handle make_key() { return key_handle(EVP_EC_gen("P-256")); }
// That nobody should accept any more.
key_handle make_weak_key() { return key_handle(EVP_RSA_gen(1024)); }

void extend(X509* certificate, int what, const std::string& value) {
  X509_EXTENSION* const made = ::X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str());
  REQUIRE(made != nullptr);
  ::X509_add_ext(certificate, made, -1);
  ::X509_EXTENSION_free(made);
}

// Not yet signed.
certificate_handle make_certificate(EVP_PKEY* key, const std::string& name,
                                    std::chrono::seconds from, std::chrono::seconds until) {
  static std::atomic<long> serial{0};
  certificate_handle made(::X509_new());
  ::X509_set_version(made.get(), 2);  // which means 3
  ::ASN1_INTEGER_set(::X509_get_serialNumber(made.get()), ++serial);
  ::X509_gmtime_adj(X509_getm_notBefore(made.get()), from.count());
  ::X509_gmtime_adj(X509_getm_notAfter(made.get()), until.count());
  ::X509_set_pubkey(made.get(), key);
  X509_NAME* const subject = ::X509_get_subject_name(made.get());
  // OpenSSL's bytes are unsigned.
  ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return made;
}

}  // namespace

struct test_authority::parts {
  key_handle key = make_key();
  // A name of its own: by its key alone OpenSSL does not tell one authority from another.
  certificate_handle certificate;

  void sign(X509* other, const EVP_MD* hash = ::EVP_sha256()) const {
    ::X509_set_issuer_name(other, ::X509_get_subject_name(certificate.get()));
    REQUIRE(::X509_sign(other, key.get(), hash) > 0);
  }
};

test_authority::test_authority(const test_authority* above, const std::string& name_constraints)
    : parts_(std::make_unique<parts>()) {
  static std::atomic<int> count{0};
  parts_->certificate = make_certificate(parts_->key.get(), "authority " + std::to_string(++count),
                                         std::chrono::hours(-2), std::chrono::hours(2));
  extend(parts_->certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  if (!name_constraints.empty())
    extend(parts_->certificate.get(), NID_name_constraints, "critical," + name_constraints);
  (above == nullptr ? *parts_ : *above->parts_).sign(parts_->certificate.get());
  own_ = {text_of(parts_->certificate.get()), text_of(parts_->key.get())};
}
test_authority::~test_authority() = default;

certificate_and_key test_authority::issue(const wish& wanted) const {
  const key_handle key = wanted.weak_key ? make_weak_key() : make_key();
  const auto made = make_certificate(key.get(), wanted.common_name, wanted.from, wanted.until);
  std::string names;
  const auto add = [&](const char* kind, const std::string& name) {
    names += (names.empty() ? "" : ",") + std::string(kind) + name;
  };
  for (const auto& uri : wanted.uris) add("URI:", uri);
  for (const auto& address : wanted.addresses) add("IP:", address);
  if (!names.empty()) extend(made.get(), NID_subject_alt_name, names);
  if (wanted.self_signed) {
    ::X509_set_issuer_name(made.get(), ::X509_get_subject_name(made.get()));
    REQUIRE(::X509_sign(made.get(), key.get(), ::EVP_sha256()) > 0);
  } else {
    parts_->sign(made.get(), wanted.weak_hash ? ::EVP_sha1() : ::EVP_sha256());
  }
  return {text_of(made.get()), text_of(key.get())};
}

const test_authority& home_authority() {
  static const test_authority one;
  return one;
}

test_folder::test_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "troupe_test_XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

test_folder::~test_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path test_folder::write(const std::string& name, const std::string& text) const {
  const auto fresh = path_ / ("new " + name);
  std::ofstream(fresh, std::ios::binary) << text;
  std::filesystem::permissions(
      fresh, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  std::filesystem::rename(fresh, path_ / name);
  return path_ / name;
}

}  // namespace troupe_test
