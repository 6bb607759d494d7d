// How nodes find each other.
#include <troupe/net/asio.hpp>
#include <troupe/net/discovery.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/udp.hpp>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include <unistd.h>

#include "net/cluster_support.hpp"
#include "net/etcd_server.hpp"
#include "reactor/dns_service.hpp"

using namespace troupe_test;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::task;
using troupe::net::node_source;

namespace {

using names = std::vector<std::string>;

// Discovery on a node, which ends before the node.
class discovering {
 public:
  discovering(test_node& on, node_source from)
      : on_(on),
        tree_(on.system.supervise(
            troupe::one_for_one{},
            {troupe::net::discovery("discovery", *on.node, std::move(from), {.interval = 50ms})})) {
  }
  ~discovering() { on_.system.exit(tree_, exit_reason::shutdown); }
  discovering(const discovering&) = delete;
  discovering& operator=(const discovering&) = delete;

 private:
  test_node& on_;
  pid tree_;
};

[[nodiscard]] bool comes_to_know(test_node& n, names others) {
  std::ranges::sort(others);
  return comes_true([&] { return n.node->nodes() == others; });
}

names listed_by(const node_source& source) {
  troupe::system system({.workers = 1});
  return system.run([&](context self) -> task<names> { co_return co_await source(self); });
}
std::string failure_of(const node_source& source) {
  try {
    listed_by(source);
  } catch (const std::exception& e) {
    return e.what();
  }
  return "no failure";
}

std::size_t times_in(const std::string& text, const std::string& what) {
  std::size_t times = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++times;
  return times;
}

struct temporary_file {
  temporary_file()
      : path(std::filesystem::temp_directory_path() /
             ("troupe_nodes_" + std::to_string(::getpid()))) {}
  ~temporary_file() { std::filesystem::remove(path); }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  void write(const std::string& text) const {
    const auto fresh = path.string() + ".new";
    std::ofstream(fresh) << text;
    std::filesystem::rename(fresh, path);
  }
  std::filesystem::path path;
};

}  // namespace

TEST_CASE("nodes that are listed are connected and one's own name or a double does no harm") {
  test_node a{{}, "a"}, b{{}, "b"}, c{{}, "c"};
  const names all = {a.name(), b.name(), b.name(), c.name(), a.name()};
  const discovering first(a, troupe::net::fixed_nodes(all));
  const discovering second(b, troupe::net::fixed_nodes(all));
  CHECK(comes_to_know(a, {b.name(), c.name()}));
  CHECK(comes_to_know(b, {a.name(), c.name()}));
  CHECK(a.log->has(b.name() + " has joined"));
  CHECK(times_in(a.log->text(), b.name() + " is listed") == 1);
  CHECK(a.log->text().find(a.name() + " is listed") == std::string::npos);
}

TEST_CASE("a node that was lost is connected again while it is listed") {
  test_node a{{}, "a"}, b{{}, "b"};
  const discovering here(a, troupe::net::fixed_nodes({b.name()}));
  REQUIRE(comes_to_know(a, {b.name()}));
  b.node->disconnect(a.name());
  REQUIRE(a.log->has(b.name() + " has left"));
  CHECK(comes_to_know(a, {b.name()}));
}

TEST_CASE("a source that fails is logged once and the last list that it gave holds") {
  test_node a{{}, "a"}, b{{}, "b"};
  const auto state = std::make_shared<std::atomic<int>>(0);
  const discovering here(a, [state, name = b.name()](context) -> task<names> {
    if (*state == 1) throw std::runtime_error("the list is gone; bring it back");
    names all(1, name);
    co_return all;
  });
  REQUIRE(comes_to_know(a, {b.name()}));
  *state = 1;
  REQUIRE(a.log->has("the list is gone; bring it back; the 1 nodes listed before hold"));
  b.node->disconnect(a.name());
  REQUIRE(a.log->has(b.name() + " has left"));
  CHECK(comes_to_know(a, {b.name()}));
  *state = 0;
  REQUIRE(a.log->has("the source answers again"));
  CHECK(times_in(a.log->text(), "the list is gone") == 1);
}

TEST_CASE("what is listed and is no node or cannot be reached is logged and the others connected") {
  test_node a{{}, "a"}, b{{}, "b"};
  const std::string nobody = "nobody@127.0.0.1:1";
  const discovering here(a, troupe::net::fixed_nodes({"no node", nobody, b.name()}));
  CHECK(comes_to_know(a, {b.name()}));
  CHECK(a.log->has("what is listed is no node: "));
  CHECK(a.log->has(nobody + " is listed and cannot be reached"));
}

TEST_CASE("a node that is not listed any more stays connected") {
  test_node a{{}, "a"}, b{{}, "b"};
  const auto empty = std::make_shared<std::atomic<bool>>(false);
  const discovering here(a, [empty, name = b.name()](context) -> task<names> {
    names all(*empty ? 0u : 1u, name);
    co_return all;
  });
  REQUIRE(comes_to_know(a, {b.name()}));
  *empty = true;
  REQUIRE(a.log->has(b.name() + " is not listed any more"));
  CHECK(a.node->nodes() == names{b.name()});
}

// --- sources ------------------------------------------------------------------------------------

TEST_CASE("a file lists a node a line and is read again when it changes", "[threads]") {
  const temporary_file file;
  const auto source = troupe::net::nodes_in_file(file.path);
  CHECK(failure_of(source).find("cannot read " + file.path.string() + ": No such file") == 0);
  file.write("# the cluster\n\n  a@10.0.0.1:7400  # the first\r\nb@10.0.0.2:7400");
  CHECK(listed_by(source) == names{"a@10.0.0.1:7400", "b@10.0.0.2:7400"});
  file.write("");
  CHECK(listed_by(source).empty());
  file.write(std::string((std::size_t{4} << 20) + 1, '#'));
  CHECK(failure_of(source).find("longer than 4194304 bytes") != std::string::npos);
  CHECK(failure_of(troupe::net::nodes_in_file("/")).find("cannot read /: ") == 0);
}

TEST_CASE("the addresses of a host name its nodes", "[threads]") {
  CHECK(listed_by(troupe::net::nodes_in_dns("store", "127.0.0.1", 7400)) ==
        names{"store@127.0.0.1:7400"});
  CHECK(listed_by(troupe::net::nodes_in_dns("store", "::1", 7400)) == names{"store@[::1]:7400"});
  const auto local = listed_by(troupe::net::nodes_in_dns("store", "localhost", 7400));
  CHECK(std::ranges::count(local, "store@127.0.0.1:7400") == 1);
  CHECK(failure_of(troupe::net::nodes_in_dns("store", "no_such_host.invalid", 1))
            .find("no_such_host.invalid") != std::string::npos);
}

namespace {

using bytes = std::vector<unsigned char>;
namespace asio = boost::asio;

void add_number(bytes& to, unsigned value) {
  to.push_back(static_cast<unsigned char>(value >> 8));
  to.push_back(static_cast<unsigned char>(value & 255));
}
void add_name(bytes& to, const std::string& name) {
  std::istringstream labels(name);
  for (std::string label; std::getline(labels, label, '.');) {
    to.push_back(static_cast<unsigned char>(label.size()));
    to.insert(to.end(), label.begin(), label.end());
  }
  to.push_back(0);
}

// What a DNS server answers to a query: these targets, or an error code.
bytes dns_answer(const bytes& query, const std::vector<troupe::net::endpoint>& targets,
                 unsigned error) {
  bytes answer(query.begin(), query.begin() + 2);
  add_number(answer, 0x8180 | error);
  for (const std::size_t count : {std::size_t{1}, targets.size(), std::size_t{0}, std::size_t{0}})
    add_number(answer, static_cast<unsigned>(count));
  // The question: a name and four bytes.
  const auto end = std::find(query.begin() + 12, query.end(), 0) + 5;
  answer.insert(answer.end(), query.begin() + 12, end);
  for (const auto& target : targets) {
    for (const unsigned field : {0xc00cu, 33u, 1u, 0u, 60u}) add_number(answer, field);
    bytes data;
    for (const unsigned field : {0u, 0u, unsigned{target.port}}) add_number(data, field);
    add_name(data, target.host);
    add_number(answer, static_cast<unsigned>(data.size()));
    answer.insert(answer.end(), data.begin(), data.end());
  }
  return answer;
}

// Answers every query in the same way.
class dns_server {
 public:
  explicit dns_server(std::vector<troupe::net::endpoint> targets, unsigned error = 0)
      : targets_(std::move(targets)), error_(error) {
    receive();
    runs_ = std::thread([this] { io_.run(); });
  }
  ~dns_server() {
    io_.stop();
    runs_.join();
  }
  dns_server(const dns_server&) = delete;
  dns_server& operator=(const dns_server&) = delete;
  [[nodiscard]] std::string address() const {
    return "127.0.0.1:" + std::to_string(socket_.local_endpoint().port());
  }

 private:
  void receive() {
    query_.resize(512);
    socket_.async_receive_from(
        asio::buffer(query_), from_, [this](boost::system::error_code failed, std::size_t size) {
          if (failed) return;
          query_.resize(size);
          socket_.send_to(asio::buffer(dns_answer(query_, targets_, error_)), from_);
          receive();
        });
  }
  const std::vector<troupe::net::endpoint> targets_;
  const unsigned error_;
  asio::io_context io_;
  asio::ip::udp::socket socket_{io_, {asio::ip::address_v4::loopback(), 0}};
  asio::ip::udp::endpoint from_;
  bytes query_;
  std::thread runs_;
};

}  // namespace

TEST_CASE("the SRV records of a service name its nodes", "[threads]") {
  const dns_server dns({{"store-0.store.test", 7400}, {"STORE-1.store.test", 7401}});
  const auto source = troupe::net::nodes_in_dns(
      {.app = "store", .service = "_troupe._tcp.store.test", .server = dns.address()});
  CHECK(listed_by(source) ==
        names{"store@store-0.store.test:7400", "store@store-1.store.test:7401"});
}

TEST_CASE("a service without SRV records or a server that refuses is said in words", "[threads]") {
  const std::string service = "_troupe._tcp.store.test";
  const dns_server nothing({}), no_name({}, 3);
  const auto why = [&](const std::string& server) {
    return failure_of(
        troupe::net::nodes_in_dns({.app = "store", .service = service, .server = server}));
  };
  const std::string what = "cannot find the service '" + service + "' (SRV): ";
  CHECK(why(nothing.address()) == what + "the name has no such records");
  CHECK(why(no_name.address()) == what + "there is no such name");
  CHECK(why("dns").find("dns_service::server: 'dns'") == 0);
}

TEST_CASE("nodes find each other in etcd and one that is gone is not listed any more",
          "[threads]") {
  const etcd_server etcd;
  test_node a{{}, "a"};
  const auto source = [&](test_node& n) {
    return troupe::net::nodes_in_etcd(*n.node, {.endpoints = {etcd.endpoint()}}, 2s);
  };
  const discovering here(a, source(a));
  {
    test_node b{{}, "b"};
    const discovering there(b, source(b));
    CHECK(comes_to_know(a, {b.name()}));
    CHECK(comes_to_know(b, {a.name()}));
  }
  CHECK(a.log->has(" is not listed any more"));
  CHECK(comes_to_know(a, {}));
}
