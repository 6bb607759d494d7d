#include <troupe/net/discovery.hpp>

#include <sstream>

#include "cluster/cluster.hpp"
#include "directory/etcd_client.hpp"
#include "platform/text_file.hpp"
#include "reactor/dns_service.hpp"
#include "reactor/system_resolver.hpp"

namespace troupe::net {
namespace {

constexpr std::size_t max_file_bytes = std::size_t{4} << 20;

std::string node_at(const std::string& app, const endpoint& where) {
  return app + '@' + to_string(where);
}

std::vector<std::string> names_in(const std::string& text) {
  std::vector<std::string> names;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    line.erase(std::min(line.find('#'), line.size()));
    constexpr std::string_view blank = " \t\r";
    const auto first = line.find_first_not_of(blank);
    if (first == std::string::npos) continue;
    names.push_back(line.substr(first, line.find_last_not_of(blank) - first + 1));
  }
  return names;
}

// What a node has in etcd, from one look to the next.
struct etcd_presence {
  internal::etcd_client etcd;
  std::string name;
  std::chrono::nanoseconds ttl;
  std::int64_t lease = 0;
};

task<> announce(context self, etcd_presence& own) {
  if (own.lease != 0) {
    const bool kept = co_await own.etcd.keep_alive(self, own.lease);
    if (kept) co_return;
  }
  own.lease = co_await own.etcd.grant(self, own.ttl);
  co_await own.etcd.put(self, own.etcd.options().prefix + "nodes/" + own.name, own.name, own.lease);
}

}  // namespace

node_source fixed_nodes(std::vector<std::string> names) {
  return [names = std::move(names)](context) -> task<std::vector<std::string>> { co_return names; };
}

node_source nodes_in_file(std::filesystem::path file) {
  return [file = std::move(file)](context self) -> task<std::vector<std::string>> {
    const std::string text =
        co_await self.blocking([&] { return internal::read_text_file(file, max_file_bytes); });
    co_return names_in(text);
  };
}

node_source nodes_in_dns(std::string app, std::string host, std::uint16_t port) {
  return [app = std::move(app), host = std::move(host),
          port](context self) -> task<std::vector<std::string>> {
    auto found = co_await self.blocking([&] { return find_addresses(host); });
    if (!found) throw std::runtime_error(found.error().text);
    std::vector<std::string> names;
    for (const std::string& address : *found) names.push_back(node_at(app, {address, port}));
    co_return names;
  };
}

node_source nodes_in_dns(dns_service where) {
  return [where = std::move(where)](context self) -> task<std::vector<std::string>> {
    const auto found =
        co_await self.blocking([&] { return find_service(where.service, where.server); });
    std::vector<std::string> names;
    for (const endpoint& at : found) names.push_back(node_at(where.app, at));
    co_return names;
  };
}

node_source nodes_in_etcd(const node& home, etcd_options options, std::chrono::nanoseconds ttl) {
  const std::shared_ptr<etcd_presence> own(
      new etcd_presence{internal::etcd_client(std::move(options)), home.name(), ttl});
  return [own](context self) -> task<std::vector<std::string>> {
    co_await announce(self, *own);
    co_return co_await own->etcd.list(self, own->etcd.options().prefix + "nodes/");
  };
}

}  // namespace troupe::net
