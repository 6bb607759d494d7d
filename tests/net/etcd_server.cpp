#include "net/etcd_server.hpp"

#include <troupe/net/asio.hpp>
#include <troupe/troupe.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <unistd.h>

#include "reactor/http_client.hpp"
#include "support/catch.hpp"
#include "support/surroundings.hpp"

namespace troupe_test {

namespace net = troupe::net;
using boost::asio::ip::tcp;

std::uint16_t free_port() {
  boost::asio::io_context io;
  return tcp::acceptor(io, {boost::asio::ip::address_v4::loopback(), 0}).local_endpoint().port();
}

etcd_server::etcd_server() {
  std::string name = (std::filesystem::temp_directory_path() / "troupe_etcd_XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  folder_ = name;
  endpoint_ = "127.0.0.1:" + std::to_string(free_port());
  const std::string peers = "http://127.0.0.1:" + std::to_string(free_port());
  const std::string clients = "http://" + endpoint_;
  process_ = std::make_unique<net::child_process>(net::command{
      "sh",
      {"-c", "exec etcd \"$@\" >/dev/null 2>&1", "etcd", "--data-dir", folder_ / "data",
       "--listen-client-urls", clients, "--advertise-client-urls", clients, "--listen-peer-urls",
       peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "default=" + peers},
      {{"ETCD_UNSUPPORTED_ARCH", "arm64"}}});
  INFO("is etcd installed (etcd-server of cmake/packages.txt)?");
  REQUIRE(comes_true([this] { return post("/v3/kv/range", R"({"key":"YQ=="})") == 200; }));
}

etcd_server::~etcd_server() {
  stop();
  std::filesystem::remove_all(folder_);
}

int etcd_server::post(const std::string& path, const std::string& body) const {
  troupe::system system({.workers = 1});
  return system.run([&](troupe::context self) -> troupe::task<int> {
    net::http_exchange exchange;
    try {
      co_return co_await exchange.begin(self, {*net::parse_endpoint(endpoint_), path, body}, 5s);
    } catch (const net::http_error&) {
      co_return 0;
    }
  });
}

}  // namespace troupe_test
