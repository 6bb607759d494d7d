#include "support/node_lodging.hpp"

#include "simulation/network.hpp"

namespace troupe_test {
namespace {

std::shared_ptr<troupe::sim::internal::network> current_network() {
  static std::weak_ptr<troupe::sim::internal::network> shared;
  auto it = shared.lock();
  if (!it)
    shared = it = std::make_shared<troupe::sim::internal::network>(*test_simulation::current(),
                                                                   troupe::sim::network_options{});
  return it;
}

std::size_t next_machine() {
  static std::size_t last = 0;
  return ++last;
}

}  // namespace

struct node_lodging::machine {
  machine(troupe::sim::host& where, std::shared_ptr<troupe::log_sink> log)
      : network(current_network()), transport(*network, where, next_machine(), std::move(log)) {}
  std::shared_ptr<troupe::sim::internal::network> network;
  troupe::sim::internal::host_transport transport;
};

node_lodging::node_lodging(std::shared_ptr<troupe::log_sink> log)
    : machine_(simulated() ? std::make_unique<machine>(*where, std::move(log)) : nullptr) {}
node_lodging::~node_lodging() = default;

troupe::net::transport* node_lodging::carrier() noexcept {
  return machine_ == nullptr ? nullptr : &machine_->transport;
}

}  // namespace troupe_test
