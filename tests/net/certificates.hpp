#pragma once
// Certificates for tests, made when they run: nothing is kept, and no date is fixed.

#include <troupe/net/tls.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace troupe_test {

// In PEM form.
struct certificate_and_key {
  std::string certificate;
  std::string key;
};

// Signs certificates.
class test_authority {
 public:
  // Its own certificate is signed by that one; by itself if there is none. What names it may sign
  // for is constrained as said, in OpenSSL's words.
  explicit test_authority(const test_authority* above = nullptr,
                          const std::string& name_constraints = {});
  ~test_authority();
  test_authority(const test_authority&) = delete;
  test_authority& operator=(const test_authority&) = delete;

  [[nodiscard]] const std::string& certificate() const { return own_.certificate; }
  struct wish {
    std::vector<std::string> uris = {};
    std::vector<std::string> addresses = {};
    std::chrono::seconds from = std::chrono::hours(-1);  // as seen from now
    std::chrono::seconds until = std::chrono::hours(1);
    std::string common_name = "a node";
    bool weak_key = false;   // RSA of 1024 bits
    bool weak_hash = false;  // a signature over SHA-1
    bool self_signed = false;
  };
  [[nodiscard]] certificate_and_key issue(const wish& wanted) const;
  // For the node app@127.0.0.1.
  [[nodiscard]] certificate_and_key issue(const std::string& app) const {
    return issue(wish{.uris = {"troupe:" + app + "@127.0.0.1"}});
  }

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
  certificate_and_key own_;
};

// The one that nodes trust unless a test says otherwise.
const test_authority& home_authority();

// A folder that goes when this does.
class test_folder {
 public:
  test_folder();
  ~test_folder();
  test_folder(const test_folder&) = delete;
  test_folder& operator=(const test_folder&) = delete;

  // Puts the file in the place of the one that was there, for its owner alone.
  std::filesystem::path write(const std::string& name, const std::string& text) const;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The TLS files of one node.
struct tls_folder : test_folder {
  tls_folder(const certificate_and_key& shown, const std::string& trusted) {
    write(shown);
    write("ca.pem", trusted);
  }
  using test_folder::write;
  void write(const certificate_and_key& shown) const {
    write("node.key", shown.key);
    write("node.pem", shown.certificate);
  }
  [[nodiscard]] troupe::net::tls_options options() const {
    return {.certificate = path() / "node.pem",
            .key = path() / "node.key",
            .authority = path() / "ca.pem"};
  }
};

}  // namespace troupe_test
