#include <troupe/net/node.hpp>

#include "cluster/cluster.hpp"
#include "platform/peer_environment.hpp"

namespace troupe::net {

namespace {

std::shared_ptr<internal::cluster> make_cluster(troupe::system& system, node_options options) {
  try {
    auto made = std::make_shared<internal::cluster>(system, std::move(options));
    made->listen();
    return made;
  } catch (const std::exception& e) {
    announce_peer_failure(e.what());
    throw;
  }
}

// Where orders to a node itself go; they are carried as frames of their own or not at all.
destination kernel_of(std::string_view node) { return {"net_kernel", node}; }

}  // namespace

node::node(troupe::system& system, node_options options)
    : cluster_(make_cluster(system, std::move(options))) {}

node::~node() { cluster_->stop(); }

const std::string& node::name() const noexcept { return cluster_->name(); }
std::uint64_t node::incarnation() const noexcept { return cluster_->incarnation(); }

task<> node::connect(context self, std::string_view to) {
  std::string name(to);
  auto answer = co_await self.try_call(kernel_of(name), internal::connect_order{}, infinity);
  if (!answer) throw node_error("cannot connect to " + name + ": " + to_string(answer.reason()));
}

void node::connect(std::string_view to) {
  cluster_->system().run([&](context self) -> task<> { co_await connect(self, to); });
}

void node::disconnect(std::string_view from) { cluster_->disconnect(from); }
std::vector<std::string> node::nodes() const { return cluster_->nodes(); }
void node::monitor_nodes(context self) { cluster_->subscribe(self.id()); }
task<> node::demonitor_nodes(context self) { return cluster_->unsubscribe(self); }

void node::add_offer(std::string name, internal::offer_record what) {
  cluster_->add_offer(std::move(name), std::move(what));
}

task<pid> node::order(context self, std::string to, internal::spawn_order what) {
  co_return co_await self.call(kernel_of(to), std::move(what));
}

// What is promised is there before the order goes out, so no `down` comes too early to be known;
// and it is taken back, with what came by it, if nobody is started.
task<monitored> node::order_monitored(context self, std::string to, internal::spawn_order what) {
  const monitor_ref ref = troupe::internal::promise_monitor(kernel_of(to));
  what.monitor = ref;
  auto started = co_await self.try_call(kernel_of(to), std::move(what));
  if (!started) {
    self.demonitor(ref);
    throw call_error(type_of<internal::spawn_order>.name, to_string(kernel_of(to)),
                     started.reason());
  }
  troupe::internal::monitors_now(ref, *started);
  co_return monitored{*started, ref};
}

pid node::order(std::string to, internal::spawn_order what) {
  return cluster_->system().run([&](context self) -> task<pid> {
    co_return co_await self.call(kernel_of(to), std::move(what));
  });
}

}  // namespace troupe::net
