#pragma once

#include <troupe/net/node.hpp>

#include "support/surroundings.hpp"

#include <memory>

namespace troupe_test {

/// Where one node lives: a simulated network carries its bytes, or none does but the real one.
class node_lodging : public lodging {
 public:
  explicit node_lodging(std::shared_ptr<troupe::log_sink> log);
  ~node_lodging();
  [[nodiscard]] troupe::net::transport* carrier() noexcept;

 private:
  struct machine;
  std::unique_ptr<machine> machine_;
};

}  // namespace troupe_test
