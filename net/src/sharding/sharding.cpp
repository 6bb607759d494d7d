#include <troupe/distribution.hpp>
#include <troupe/net/sharding.hpp>

#include <stdexcept>

#include "cluster/cluster.hpp"
#include "sharding/region.hpp"

namespace troupe::net::internal {
namespace {

void check(const std::string& name, const sharding_options& options) {
  // "name/4294967295" is a name of the directory.
  constexpr std::size_t room_for_number = 11;
  if (name.empty() || name.size() + room_for_number > max_directory_name)
    throw std::invalid_argument("the name of a sharding has 1 to " +
                                std::to_string(max_directory_name - room_for_number) + " bytes");
  if (options.shards == 0 || options.shards > max_shards)
    throw std::invalid_argument("sharding_options::shards of '" + name + "' is 1 to " +
                                std::to_string(max_shards));
  if (options.idle <= std::chrono::nanoseconds::zero())
    throw std::invalid_argument("sharding_options::idle of '" + name +
                                "' is a time, or troupe::infinity for never");
  if (options.stop_time < std::chrono::nanoseconds::zero())
    throw std::invalid_argument("sharding_options::stop_time of '" + name + "' is negative");
  if (options.mailbox.any() && options.mailbox.when_full == overflow::drop_oldest)
    throw std::invalid_argument(
        "sharding_options::mailbox of '" + name +
        "' must not drop the oldest messages: among them may be the one that ends the process");
}

}  // namespace

child_spec sharding_child(std::string name, const node& home, const directory& names,
                          sharding_options options, shard_starter start) {
  check(name, options);
  cluster& here = home.inside();
  auto plan = std::make_shared<const sharding_plan>(
      sharding_plan{name, names, options, std::move(start), here.bounds()});
  return child(std::move(name), run_region, plan_ptr(std::move(plan)), here.shared_from_this())
      .registered()
      .shutdown(infinity);
}

void send_to_key(context self, const std::string& region, std::string_view key, message what) {
  const pid to = self.whereis(region);
  if (to) return self.send(to, shard_mail{std::string(key), std::move(what)});
  troupe::internal::bounce(self.system().home(), destination(region), std::move(what),
                           exit_reason::noproc);
}

task<sharding_status> ask_sharding(context self, std::string region) {
  co_return co_await self.call(region, ask_status{});
}

}  // namespace troupe::net::internal
