#pragma once
// The network of a simulated world: streams of bytes between hosts, with all that can happen to
// them on the way. Bytes of one stream are never lost, doubled or swapped, as in TCP: they are held
// up, or the stream breaks.

#include <troupe/net/sim.hpp>
#include <troupe/net/transport.hpp>
#include <troupe/sim/simulation.hpp>

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace troupe::sim::internal {

using net::endpoint;
using net::io_errc;
using net::io_error;
using net::io_result;

class network;
class host_transport;

// One end of a connection.
struct connection_end {
  host_transport* at = nullptr;  // null once its stream is gone
  bool crashed = false;          // with its host: nothing reaches it or comes from it
  bool closed = false;           // by this side: nothing more is written or read
  bool fin_sent = false;
  net::stream::handler reading;
  std::span<std::byte> into;
  net::stream::handler writing;
  std::span<const std::byte> from;
  std::deque<std::byte> unread;
  bool saw_fin = false;
  bool saw_reset = false;
  [[nodiscard]] bool deaf() const noexcept { return at == nullptr || crashed || closed; }
};

// What is on its way to one end.
struct chunk {
  steady_time when;
  std::vector<std::byte> bytes;
  bool fin = false;
  bool broken = false;  // nothing comes after it
};

struct connection : std::enable_shared_from_this<connection> {
  connection_end ends[2];
  std::deque<chunk> way[2];     // to ends[0] and to ends[1]
  steady_time stalled_until{};  // nothing arrives before
  std::size_t host[2] = {0, 0};
};

// The operating system's share of one host: what its node's protocol runs on.
class host_transport final : public net::transport {
 public:
  host_transport(network& in, host& where, std::size_t index, std::shared_ptr<log_sink> log);
  ~host_transport() override;

  io_result<std::unique_ptr<net::listener>> listen(const endpoint& where,
                                                   accept_handler accepted) override;
  std::unique_ptr<net::pending> dial(const endpoint& where, std::chrono::nanoseconds limit,
                                     dial_handler done) override;
  void post(std::function<void()> function) override;
  std::unique_ptr<net::pending> after(std::chrono::nanoseconds delay,
                                      std::function<void()> function) override;
  steady_time now() const noexcept override;

  // Calls back: what the function throws is logged.
  void run(const std::function<void()>& function) noexcept;
  [[nodiscard]] host& where() const noexcept { return where_; }
  [[nodiscard]] std::size_t index() const noexcept { return index_; }
  [[nodiscard]] network& in() const noexcept { return in_; }

 private:
  network& in_;
  host& where_;
  std::size_t index_;  // of the machine, the same after a restart
  std::shared_ptr<log_sink> log_;
};

class network {
 public:
  network(simulation& in, const network_options& options);
  ~network();

  // Faults, between machines by index.
  void block(std::size_t from, std::size_t to, bool on);
  [[nodiscard]] bool blocked(std::size_t from, std::size_t to) const {
    return blocked_.contains({from, to});
  }
  void unblock_all();
  // All bytes of the connections between the two are held up; new connections are not.
  void stall(std::size_t a, std::size_t b, std::chrono::nanoseconds time);
  // So much longer takes what is sent from now on.
  void delay_by(std::size_t from, std::size_t to, std::chrono::nanoseconds time) {
    delays_[{from, to}] = time;
  }
  // The machine dials others; its ports are those of another one for all who dial.
  void hide(std::size_t machine) { unreached_.insert(machine); }
  // The connections between the two break, each at some byte.
  void cut(std::size_t a, std::size_t b);
  // The host's streams and listeners are gone; some of the bytes under way may arrive. Its machine
  // tells the peers, unless it has lost its power, too: then there is silence until it is up again.
  void crash(host_transport& of, bool power_loss);
  void power_up(std::size_t machine) { dark_.erase(machine); }

  // For transports and streams.
  bool add_listener(host_transport& at, std::uint16_t& port,
                    net::transport::accept_handler accepted);
  void remove_listener(std::uint16_t port, const host_transport& at);
  void connect(host_transport& from, std::uint16_t port, steady_time limit,
               std::shared_ptr<net::transport::dial_handler> done);
  void write(const std::shared_ptr<connection>& c, int side);
  void read(const std::shared_ptr<connection>& c, int side);
  void close(const std::shared_ptr<connection>& c, int side);
  void finish(const std::shared_ptr<connection>& c, int side);
  void reset(const std::shared_ptr<connection>& c, int side) noexcept;

  simulation& in;

 private:
  struct listening {
    host_transport* at;
    net::transport::accept_handler accepted;
  };
  std::chrono::nanoseconds delay(std::size_t from, std::size_t to);
  void send(const std::shared_ptr<connection>& c, int to, chunk what);
  void pump(const std::shared_ptr<connection>& c, int to);
  void complete(const std::shared_ptr<connection>& c, int side, net::stream::handler& handler,
                io_result<std::size_t> result);
  void arrive_later(const std::shared_ptr<connection>& c, int to, steady_time when);
  void send_reset(const std::shared_ptr<connection>& c, int to);
  void break_end(const std::shared_ptr<connection>& c, int side);
  void pump_all();
  [[nodiscard]] std::size_t machine_of(std::uint16_t port) const;
  template <class Visit>
  void each_between(std::size_t a, std::size_t b, Visit visit);
  [[nodiscard]] bool answers(std::size_t from, std::size_t to) const {
    return !blocked(from, to) && !blocked(to, from) && !dark_.contains(to);
  }

  network_options options_;
  random draws_;
  host* wire_;  // where events run that belong to no machine: a machine's pause does not stop them
  std::set<std::pair<std::size_t, std::size_t>> blocked_;
  std::set<std::size_t> dark_;  // machines without power
  std::map<std::pair<std::size_t, std::size_t>, std::chrono::nanoseconds> latency_;
  std::map<std::pair<std::size_t, std::size_t>, std::chrono::nanoseconds> delays_;  // beyond it
  std::set<std::size_t> unreached_;  // machines that nobody can dial
  std::map<std::uint16_t, listening> listeners_;
  std::map<std::uint16_t, std::size_t> machines_;                   // that ever listened at a port
  std::map<std::uint32_t, std::weak_ptr<connection>> connections_;  // in the order of their making
  std::size_t living_ = 0;  // of them, when those that are over were last taken out
  std::uint32_t made_ = 0;
};

}  // namespace troupe::sim::internal
