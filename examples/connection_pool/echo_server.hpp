#pragma once

#include <memory>

namespace pooled {

/// A TCP server on this machine that answers each line with the same line: what the pool connects
/// to in the demonstration and its tests. It runs on a thread of its own, outside of troupe, as a
/// real service would. Destroyed, it drops all its connections.
class echo_server {
 public:
  /// Port 0 is any free one. Throws if the port is taken.
  explicit echo_server(unsigned short port = 0);
  ~echo_server();
  echo_server(const echo_server&) = delete;
  echo_server& operator=(const echo_server&) = delete;
  [[nodiscard]] unsigned short port() const;

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

}  // namespace pooled
