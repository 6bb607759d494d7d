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

etcd_server::etcd_server(std::optional<net::tls_options> files) : files_(std::move(files)) {
  std::string name = (std::filesystem::temp_directory_path() / "troupe_etcd_XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  folder_ = name;
  endpoint_ = "127.0.0.1:" + std::to_string(free_port());
  const std::string peers = "http://127.0.0.1:" + std::to_string(free_port());
  const std::string clients = (files_ ? "https://" : "http://") + endpoint_;
  std::vector<std::string> arguments{"-c",
                                     "exec etcd \"$@\" >/dev/null 2>&1",
                                     "etcd",
                                     "--data-dir",
                                     folder_ / "data",
                                     "--listen-client-urls",
                                     clients,
                                     "--advertise-client-urls",
                                     clients,
                                     "--listen-peer-urls",
                                     peers,
                                     "--initial-advertise-peer-urls",
                                     peers,
                                     "--initial-cluster",
                                     "default=" + peers};
  if (files_)
    for (const std::string& more :
         {std::string("--cert-file"), files_->certificate.string(), std::string("--key-file"),
          files_->key.string(), std::string("--trusted-ca-file"), files_->authority.string(),
          std::string("--client-cert-auth")})
      arguments.push_back(more);
  process_ = std::make_unique<net::child_process>(
      net::command{"sh", std::move(arguments), {{"ETCD_UNSUPPORTED_ARCH", "arm64"}}});
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
    net::http_tls tls;
    if (files_) tls = {files_->authority, files_->certificate, files_->key};
    net::http_request what{*net::parse_endpoint(endpoint_), path, body};
    if (files_) what.tls = &tls;
    try {
      co_return co_await exchange.begin(self, std::move(what), 5s);
    } catch (const net::http_error&) {
      co_return 0;
    }
  });
}

}  // namespace troupe_test
