#pragma once

#include <troupe/net/transport.hpp>
#include <troupe/system.hpp>

namespace troupe::net {

// All addresses of a host in text form, each once, in the operating system's order of preference.
// Blocks; for an address in text form it does not ask anybody.
[[nodiscard]] io_result<std::vector<std::string>> find_addresses(const std::string& host);

// Asks the operating system, which may take long, on the system's pool for what blocks.
class system_resolver final : public resolver {
 public:
  explicit system_resolver(troupe::system& home) noexcept : home_(home) {}
  [[nodiscard]] std::unique_ptr<pending> resolve(transport& on, const std::string& host,
                                                 std::chrono::nanoseconds limit,
                                                 handler done) override;

 private:
  troupe::system& home_;
};

}  // namespace troupe::net
