// Ten thousand connections of strangers who say nothing, or the wrong thing.

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "net/client_hello.hpp"
#include "net/detour.hpp"
#include "soak.hpp"

namespace soak {

using troupe::context;
using troupe::task;

namespace {

using steady = std::chrono::steady_clock;

constexpr double mib_promised = 32;
constexpr double seconds_promised = 6;  // setup_time and one for a busy machine
constexpr double join_ms_promised = 1000;
constexpr int at_a_time = 100;  // connections between looks at those that there are
constexpr int joins = 10;
constexpr auto patience = 30s;

void allow_descriptors(std::size_t many) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < many + 200)
    throw std::runtime_error("this run needs " + std::to_string(many + 200) +
                             " descriptors: raise `ulimit -Hn`");
}

std::string client_hello() {
  SSL_CTX* const context = ::SSL_CTX_new(::TLS_client_method());
  std::string hello = troupe_test::client_hello(context);
  ::SSL_CTX_free(context);
  return hello;
}

// Connections to one port: how old each is when the node closes it.
class crowd {
 public:
  explicit crowd(std::uint16_t port) {
    to_.sin_family = AF_INET;
    to_.sin_port = htons(port);
    to_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  ~crowd() {
    for (const pollfd& one : open_) ::close(one.fd);
  }
  crowd(const crowd&) = delete;
  crowd& operator=(const crowd&) = delete;

  void connect(const std::string& says) {
    const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made < 0 || ::connect(made, reinterpret_cast<const sockaddr*>(&to_), sizeof to_) != 0)
      throw std::runtime_error("cannot connect to the node");
    if (!says.empty()) (void)::send(made, says.data(), says.size(), MSG_NOSIGNAL);
    open_.push_back({made, POLLIN, 0});
    since_.push_back(steady::now());
  }
  // Takes note of those that are closed; waits that long for the first.
  void look(int milliseconds) {
    if (::poll(open_.data(), open_.size(), milliseconds) <= 0) return;
    for (std::size_t i = open_.size(); i-- > 0;)
      if (open_[i].revents != 0 && is_over(open_[i].fd)) remove(i);
  }
  [[nodiscard]] std::size_t open() const { return open_.size(); }
  [[nodiscard]] double longest() const { return longest_; }

 private:
  static bool is_over(int descriptor) {
    char some[4096];
    return ::recv(descriptor, some, sizeof some, MSG_DONTWAIT) <= 0;
  }
  void remove(std::size_t i) {
    const std::chrono::duration<double> age = steady::now() - since_[i];
    longest_ = std::max(longest_, age.count());
    ::close(open_[i].fd);
    open_[i] = open_.back();
    since_[i] = since_.back();
    open_.pop_back();
    since_.pop_back();
  }
  sockaddr_in to_{};
  std::vector<pollfd> open_;
  std::vector<steady::time_point> since_;
  double longest_ = 0;
};

// Until it is in, or has been out for too long: a dial that fails among so many is tried again.
void join_once(home_node& good, const std::string& node) {
  const auto limit = steady::now() + patience;
  for (;;) {
    try {
      return good.node.connect(node);
    } catch (const troupe::net::node_error&) {
      if (steady::now() > limit) return;
    }
  }
}

// Joins again and again; the longest time that it took, in ms.
double join(home_node& good, const std::string& node) {
  double longest = 0;
  for (int i = 0; i < joins; ++i) {
    const auto start = steady::now();
    join_once(good, node);
    longest = std::max(longest, ms(steady::now() - start));
    good.node.disconnect(node);
    while (!good.node.nodes().empty()) std::this_thread::sleep_for(1ms);
  }
  return longest;
}

struct seen_of_crowd {
  double mib = 0;
  double processor_seconds = 0;
  double seconds = 0;
  double join_ms = 0;
};

seen_of_crowd meet(const troupe::net::peer_joined& peer, const troupe::net::tls_options& tls,
                   int many, const std::string& says) {
  home_node good({.name = "good@127.0.0.1:0", .tls = tls});
  (void)join(good, peer.node);  // what the first costs is not the strangers'
  seen_of_crowd seen;
  const auto before = resident_bytes_of(peer.os_process);
  std::int64_t most = before;
  const double time_before = processor_seconds_of(peer.os_process);
  const auto note = [&] { most = std::max(most, resident_bytes_of(peer.os_process)); };
  std::jthread joiner([&] { seen.join_ms = join(good, peer.node); });
  crowd strangers(troupe_test::port_of(peer.node));
  for (int i = 1; i <= many; ++i) {
    strangers.connect(says);
    if (i % at_a_time != 0) continue;
    strangers.look(0);
    note();
  }
  const auto limit = steady::now() + patience;
  while (strangers.open() > 0 && steady::now() < limit) {
    strangers.look(10);
    note();
  }
  if (strangers.open() > 0) throw std::runtime_error("strangers are not closed after 30 s");
  joiner.join();
  seen.processor_seconds = processor_seconds_of(peer.os_process) - time_before;
  seen.mib = mib(most - before);
  seen.seconds = strangers.longest();
  return seen;
}

// What one kind of stranger costs.
struct kind {
  std::string what;
  std::string says;
  bool tls;
  bool joins_are_judged = true;
};

void report(run& r, const kind& of, const seen_of_crowd& seen) {
  const std::string joined = of.what + ": the longest that a good node took to join";
  r.soon(of.what + ": memory of the node has grown by", seen.mib, mib_promised, "MiB");
  r.soon(of.what + ": the longest that one was let be", seen.seconds, seconds_promised, "s");
  if (of.joins_are_judged)
    r.soon(joined, seen.join_ms, join_ms_promised, "ms");
  else
    r.figure(joined, seen.join_ms, "ms");
  r.figure(of.what + ": processor time of the node", seen.processor_seconds, "s");
}

void measure(run& r, const kind& of, const troupe::net::tls_options& files) {
  const int many = r.size(200, 10'000);
  const auto tls = of.tls ? files : troupe::net::tls_options{};
  home_node home({.tls = tls});
  home.system.run([&](context self) -> task<> {
    const auto peer = co_await start_ready_peer(self, home.node, peer_program());
    const auto seen = co_await self.blocking([&] { return meet(peer, tls, many, of.says); });
    r.figure(of.what, many, "");
    report(r, of, seen);
    co_await end_peer(self, peer.peer);
  });
}

// Certificates for the nodes here, for as long as it lives.
class certificates {
 public:
  certificates() {
    const std::string command = "bash " TROUPE_CERTIFICATES " " + folder_.string() +
                                " home@127.0.0.1 peer@127.0.0.1 good@127.0.0.1 >/dev/null 2>&1";
    // NOLINTNEXTLINE(cert-env33-c): the program's own folder
    if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
  }
  ~certificates() { std::filesystem::remove_all(folder_); }
  certificates(const certificates&) = delete;
  certificates& operator=(const certificates&) = delete;
  [[nodiscard]] troupe::net::tls_options options() const {
    return {.certificate = folder_ / "home@127.0.0.1.pem",
            .key = folder_ / "home@127.0.0.1.key",
            .authority = folder_ / "ca.pem"};
  }

 private:
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("troupe-soak-" + std::to_string(::getpid()));
};

}  // namespace

void strangers(run& r) {
  allow_descriptors(static_cast<std::size_t>(r.size(200, 10'000)));
  const std::string http = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
  const certificates files;
  for (const kind& one : {
           kind{.what = "silent", .says = "", .tls = false},
           kind{.what = "garbage", .says = http, .tls = false},
           kind{.what = "silent, TLS", .says = "", .tls = true},
           kind{.what = "garbage, TLS", .says = http, .tls = true},
           // Among these a good node waits for its turn, and not each time until it comes.
           kind{.what = "half a handshake, TLS",
                .says = client_hello(),
                .tls = true,
                .joins_are_judged = false},
       })
    measure(r, one, files.options());
}

}  // namespace soak
