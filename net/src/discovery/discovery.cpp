#include <troupe/net/discovery.hpp>

#include <map>
#include <set>

#include "cluster/cluster.hpp"
#include "cluster/remote_node.hpp"

namespace troupe::net {
namespace internal {
namespace {

// To itself.
struct look {};
struct dialled {
  std::string node;
  std::string failure;  // empty: it is connected
};

process dial(context self, std::string node, pid tell) {
  auto answer = co_await self.try_call({"net_kernel", node}, connect_order{}, infinity);
  self.send(tell, dialled{node, answer ? std::string() : to_string(answer.reason())});
}

class discoverer final : public server {
 public:
  using handles = messages<look, dialled, nodeup, nodedown>;

  discoverer(std::shared_ptr<cluster> here, node_source from, discovery_options options)
      : here_(std::move(here)), from_(std::move(from)), options_(options) {
    here_->subscribe(self);
    continue_with(look{});
  }

  task<> handle(look);
  void handle(const dialled& what);
  void handle(const nodeup& up);
  void handle(const nodedown& down);

 private:
  [[nodiscard]] task<> ask();
  void take(const std::vector<std::string>& given);
  void dial_missing();
  void log(log_level level, const std::string& text) const {
    self.system().log(level, "discovery: " + text);
  }

  const std::shared_ptr<cluster> here_;
  const node_source from_;
  const discovery_options options_;
  std::set<std::string> listed_;  // nodes, without this one
  std::set<std::string> up_;
  std::set<std::string> dialling_;
  std::map<std::string, std::string> failures_;  // what was logged last, by node
  std::string source_failure_;                   // the same of the source
};

task<> discoverer::handle(look) {
  co_await ask();
  dial_missing();
  self.send_after(options_.interval, self.id(), look{});
}

task<> discoverer::ask() {
  std::string failure;
  try {
    take(co_await from_(self));
  } catch (const std::exception& e) {
    failure = e.what();
  }
  if (failure != source_failure_)
    log(failure.empty() ? log_level::info : log_level::warning,
        failure.empty()
            ? "the source answers again"
            : failure + "; the " + std::to_string(listed_.size()) + " nodes listed before hold");
  source_failure_ = std::move(failure);
}

void discoverer::take(const std::vector<std::string>& given) {
  std::set<std::string> now;
  for (const std::string& name : given) {
    const auto parsed = node_name::parse(name);
    if (const auto* fault = std::get_if<node_name_error>(&parsed)) {
      if (std::exchange(failures_[name], fault->text) != fault->text)
        log(log_level::warning, "what is listed is no node: " + fault->text);
    } else if (now.size() < options_.max_nodes && name != here_->name()) {
      now.insert(name);
    }
  }
  for (const std::string& name : now)
    if (!listed_.contains(name)) log(log_level::info, name + " is listed");
  for (const std::string& name : listed_)
    if (!now.contains(name)) log(log_level::info, name + " is not listed any more");
  listed_ = std::move(now);
}

void discoverer::dial_missing() {
  for (const std::string& name : listed_) {
    if (up_.contains(name) || !dialling_.insert(name).second) continue;
    self.spawn_link(dial, name, self.id());
  }
}

void discoverer::handle(const dialled& what) {
  dialling_.erase(what.node);
  if (what.failure.empty())
    failures_.erase(what.node);
  else if (std::exchange(failures_[what.node], what.failure) != what.failure)
    log(log_level::warning, what.node + " is listed and cannot be reached: " + what.failure);
}

void discoverer::handle(const nodeup& up) {
  up_.insert(up.node);
  failures_.erase(up.node);
  log(log_level::info, up.node + " has joined");
}

void discoverer::handle(const nodedown& down) {
  up_.erase(down.node);
  log(log_level::info, down.node + " has left: " + down.reason);
}

}  // namespace
}  // namespace internal

child_spec discovery(std::string id, const node& home, node_source from,
                     discovery_options options) {
  return child<internal::discoverer>(std::move(id), home.inside().shared_from_this(),
                                     std::move(from), options)
      .registered();
}

}  // namespace troupe::net
