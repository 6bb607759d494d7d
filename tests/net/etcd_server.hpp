#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <troupe/net/tls.hpp>

#include "platform/child_process.hpp"

namespace troupe_test {

/// An etcd of one member on loopback, in a folder of its own; nothing is left of it afterwards.
class etcd_server {
 public:
  /// Returns when it answers. With files: over TLS, to clients whose certificate that authority
  /// has signed.
  explicit etcd_server(std::optional<troupe::net::tls_options> files = {});
  ~etcd_server();
  etcd_server(const etcd_server&) = delete;
  etcd_server& operator=(const etcd_server&) = delete;

  [[nodiscard]] const std::string& endpoint() const noexcept { return endpoint_; }
  /// The status with which it answers.
  int post(const std::string& path, const std::string& body) const;
  void stop() { process_.reset(); }

 private:
  std::filesystem::path folder_;
  std::string endpoint_;
  std::optional<troupe::net::tls_options> files_;
  std::unique_ptr<troupe::net::child_process> process_;
};

/// A port of loopback where nothing listens.
[[nodiscard]] std::uint16_t free_port();

}  // namespace troupe_test
