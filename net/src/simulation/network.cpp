#include "simulation/network.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace troupe::sim::internal {

using namespace std::chrono_literals;

namespace {

// How often a dial that meets silence tries again. (TCP: the first retransmission of a SYN.)
constexpr auto dial_retry = 1s;
// A port of 0 gets the next of these.
constexpr std::uint16_t first_free_port = 30'000;

io_error failure(io_errc code, std::string text) { return {code, std::move(text)}; }

io_error broken() { return failure(io_errc::reset, "the peer broke the connection"); }

}  // namespace

network::network(simulation& sim, const network_options& options)
    : in(sim), options_(options), draws_(sim.seed(), "network"), wire_(&sim.add_host("the wire")) {}

// What streams still keep of each other goes with them; callbacks that never ran go here.
network::~network() {
  for (const auto& [number, weak] : connections_)
    if (const auto c = weak.lock())
      for (connection_end& end : c->ends) end.reading = end.writing = nullptr;
}

// --- faults -------------------------------------------------------------------------------------

void network::block(std::size_t from, std::size_t to, bool on) {
  if (on) {
    blocked_.emplace(from, to);
  } else {
    blocked_.erase({from, to});
    pump_all();
  }
}

void network::unblock_all() {
  blocked_.clear();
  delays_.clear();
  for (const auto& [number, weak] : connections_)
    if (const auto c = weak.lock()) c->stalled_until = {};
  pump_all();
}

template <class Visit>
void network::each_between(std::size_t a, std::size_t b, Visit visit) {
  std::vector<std::shared_ptr<connection>> found;
  for (const auto& [number, weak] : connections_)
    if (auto c = weak.lock())
      if ((c->host[0] == a && c->host[1] == b) || (c->host[0] == b && c->host[1] == a))
        found.push_back(std::move(c));
  for (const auto& c : found) visit(c);
}

void network::stall(std::size_t a, std::size_t b, std::chrono::nanoseconds time) {
  each_between(a, b, [&](const auto& c) {
    c->stalled_until = std::max(c->stalled_until, later(in.now(), time));
    for (const int to : {0, 1}) arrive_later(c, to, c->stalled_until);
  });
}

// Both ends learn of it, as soon as something reaches them: a stream with a hole in it does not go
// on.
void network::cut(std::size_t a, std::size_t b) {
  each_between(a, b, [&](const auto& c) {
    for (const int to : {0, 1}) {
      auto& way = c->way[to];
      way.resize(draws_.below(way.size() + 1));
      if (!way.empty() && !way.back().bytes.empty())
        way.back().bytes.resize(draws_.below(way.back().bytes.size()));
      send(c, to, {later(in.now(), delay(c->host[1 - to], c->host[to])), {}, false, true});
    }
  });
}

void network::crash(host_transport& of, bool power_loss) {
  if (power_loss) dark_.insert(of.index());
  std::erase_if(listeners_, [&](const auto& entry) { return entry.second.at == &of; });
  for (const auto& [number, weak] : connections_) {
    const auto c = weak.lock();
    if (!c) continue;
    for (const int side : {0, 1}) {
      if (c->ends[side].at != &of) continue;
      connection_end& end = c->ends[side];
      end.crashed = end.saw_reset = true;
      end.unread.clear();
      read(c, side);  // for what is left of it, should it ever run again
      write(c, side);
      auto& way = c->way[1 - side];
      way.resize(draws_.below(way.size() + 1));
      if (!power_loss) send_reset(c, 1 - side);
    }
  }
}

// --- connecting ---------------------------------------------------------------------------------

bool network::add_listener(host_transport& at, std::uint16_t& port,
                           net::transport::accept_handler accepted) {
  if (unreached_.contains(at.index())) return true;
  if (port == 0)
    for (port = first_free_port; listeners_.contains(port);) ++port;
  if (!listeners_.try_emplace(port, listening{&at, std::move(accepted)}).second) return false;
  machines_[port] = at.index();
  return true;
}

// Where packets to that port go, whether somebody listens there or not.
std::size_t network::machine_of(std::uint16_t port) const {
  const auto at = machines_.find(port);
  return at == machines_.end() ? ~std::size_t{0} : at->second;
}

void network::remove_listener(std::uint16_t port, const host_transport& at) {
  const auto found = listeners_.find(port);
  if (found != listeners_.end() && found->second.at == &at) listeners_.erase(found);
}

std::chrono::nanoseconds network::delay(std::size_t from, std::size_t to) {
  const auto [at, fresh] = latency_.try_emplace({from, to});
  if (fresh) at->second = draws_.between(options_.min_latency, options_.max_latency);
  const auto jittered = at->second + draws_.between(0ns, at->second / 4);
  const auto delayed = delays_.find({from, to});
  return (draws_.one_in(1000) ? 10 * jittered : jittered) +
         (delayed == delays_.end() ? 0ns : delayed->second);
}

// --- bytes --------------------------------------------------------------------------------------

void network::arrive_later(const std::shared_ptr<connection>& c, int to, steady_time when) {
  in.at(*wire_, when, [this, c, to] { pump(c, to); });
}

void network::send(const std::shared_ptr<connection>& c, int to, chunk what) {
  auto& way = c->way[to];
  if (!way.empty()) what.when = std::max(what.when, way.back().when);
  const steady_time when = what.when;
  way.push_back(std::move(what));
  arrive_later(c, to, when);
}

// Takes in what has come to that end.
void network::pump(const std::shared_ptr<connection>& c, int to) {
  connection_end& end = c->ends[to];
  auto& way = c->way[to];
  if (blocked(c->host[1 - to], c->host[to])) return;
  while (!way.empty() && way.front().when <= in.now() && c->stalled_until <= in.now()) {
    chunk came = std::move(way.front());
    way.pop_front();
    if (end.deaf()) {  // nobody is there any more, and says so
      if (!came.bytes.empty() && !dark_.contains(c->host[to])) send_reset(c, 1 - to);
      continue;
    }
    if (end.saw_reset) continue;
    end.unread.insert(end.unread.end(), came.bytes.begin(), came.bytes.end());
    end.saw_fin = end.saw_fin || came.fin;
    end.saw_reset = end.saw_reset || came.broken;
  }
  read(c, to);
  if (end.saw_reset) write(c, to);
}

void network::pump_all() {
  for (const auto& [number, weak] : connections_)
    if (const auto c = weak.lock())
      for (const int to : {0, 1}) arrive_later(c, to, in.now());
}

// Calls back, on the host, unless the stream is gone by then.
void network::complete(const std::shared_ptr<connection>& c, int side,
                       net::stream::handler& handler, io_result<std::size_t> result) {
  host_transport* const at = c->ends[side].at;
  in.at(at->where(), in.now(),
        [c, at, done = std::exchange(handler, nullptr), result = std::move(result), side] {
          if (c->ends[side].at == at) at->run([&] { done(result); });
        });
}

void network::read(const std::shared_ptr<connection>& c, int side) {
  connection_end& end = c->ends[side];
  if (end.at == nullptr || !end.reading) return;
  io_result<std::size_t> got = std::size_t{0};
  if (!end.unread.empty()) {
    const std::size_t most = std::min(end.into.size(), end.unread.size());
    // Now and then a byte at a time, else mostly all there is.
    const std::size_t taken = draws_.one_in(4) ? 1 + draws_.below(most) : most;
    std::copy_n(end.unread.begin(), taken, end.into.begin());
    end.unread.erase(end.unread.begin(), end.unread.begin() + static_cast<std::ptrdiff_t>(taken));
    got = taken;
    write(c, 1 - side);  // there is room again
  } else if (end.saw_reset) {
    got = broken();
  } else if (end.saw_fin) {
    got = failure(io_errc::eof, "the peer closed the connection");
  } else {
    return;
  }
  complete(c, side, end.reading, std::move(got));
}

void network::write(const std::shared_ptr<connection>& c, int side) {
  connection_end& end = c->ends[side];
  if (end.at == nullptr || !end.writing) return;
  io_result<std::size_t> took = std::size_t{0};
  if (end.saw_reset) {
    took = broken();
  } else {
    std::size_t waiting = c->ends[1 - side].unread.size();
    for (const chunk& on_way : c->way[1 - side]) waiting += on_way.bytes.size();
    if (waiting >= options_.buffer) return;
    const std::size_t most = std::min(end.from.size(), options_.buffer - waiting);
    const std::size_t n = draws_.one_in(4) ? 1 + draws_.below(most) : most;
    const auto travel = delay(c->host[side], c->host[1 - side]) +
                        std::chrono::nanoseconds(static_cast<std::int64_t>(
                            n * 1'000'000'000 / options_.bytes_per_second));
    send(c, 1 - side,
         {later(in.now(), travel),
          {end.from.begin(), end.from.begin() + static_cast<std::ptrdiff_t>(n)}});
    took = n;
  }
  complete(c, side, end.writing, std::move(took));
}

// --- ends ---------------------------------------------------------------------------------------

void network::send_reset(const std::shared_ptr<connection>& c, int to) {
  const steady_time when = later(in.now(), delay(c->host[1 - to], c->host[to]));
  in.at(*wire_, when, [this, c, to] {
    // A reset that meets a partition is lost, as the packet that it is.
    if (!blocked(c->host[1 - to], c->host[to])) break_end(c, to);
  });
}

void network::break_end(const std::shared_ptr<connection>& c, int side) {
  connection_end& end = c->ends[side];
  if (end.deaf()) return;
  end.saw_reset = true;
  read(c, side);
  write(c, side);
}

// What is under way of this side ends with `closed`.
void network::close(const std::shared_ptr<connection>& c, int side) {
  connection_end& end = c->ends[side];
  if (end.at == nullptr || end.closed) return;
  end.closed = true;
  for (auto* const handler : {&end.reading, &end.writing})
    if (*handler) complete(c, side, *handler, failure(io_errc::closed, "closed by this side"));
}

void network::reset(const std::shared_ptr<connection>& c, int side) noexcept {
  try {
    const bool open = !c->ends[side].deaf() && !c->ends[side].fin_sent;
    close(c, side);
    if (open) send_reset(c, 1 - side);
  } catch (...) {  // no memory to tell the peer on the way: it sees it when it next looks
    c->ends[1 - side].saw_reset = true;
  }
}

// --- streams ------------------------------------------------------------------------------------

namespace {

class sim_stream final : public net::stream {
 public:
  sim_stream(network& in, std::shared_ptr<connection> c, int side, endpoint peer)
      : in_(in), c_(std::move(c)), side_(side), peer_(std::move(peer)) {}
  ~sim_stream() override {
    connection_end& mine = end();
    mine.reading = mine.writing = nullptr;  // uncalled
    if (!mine.closed) in_.reset(c_, side_);
    mine.at = nullptr;
  }
  void read_some(std::span<std::byte> into, handler done) override {
    start(end().reading, std::move(done), into.empty(), "read");
    end().into = into;
    if (!refused()) in_.read(c_, side_);
  }
  void write_some(std::span<const std::byte> from, handler done) override {
    start(end().writing, std::move(done), from.empty(), "write");
    end().from = from;
    if (!refused()) in_.write(c_, side_);
  }
  void close() noexcept override {
    if (end().closed || end().at == nullptr) return;
    try {
      end().fin_sent = true;
      in_.close(c_, side_);
      in_.finish(c_, side_);
    } catch (...) {  // no memory to tell the peer on the way: it sees it when it next looks
      c_->ends[1 - side_].saw_reset = true;
    }
  }
  void reset() noexcept override { in_.reset(c_, side_); }
  const endpoint& peer() const noexcept override { return peer_; }

 private:
  connection_end& end() const noexcept { return c_->ends[side_]; }
  static void start(handler& slot, handler done, bool empty, const char* what) {
    if (slot) throw std::logic_error(fmt::format("troupe: one {} at a time on a stream", what));
    if (empty) throw std::logic_error(fmt::format("troupe: a {} of no bytes", what));
    slot = std::move(done);
  }
  // After a close: what is begun ends at once.
  bool refused() {
    if (!end().closed) return false;
    end().closed = false;
    in_.close(c_, side_);
    return true;
  }

  network& in_;
  std::shared_ptr<connection> c_;
  const int side_;
  const endpoint peer_;
};

class sim_listener final : public net::listener {
 public:
  sim_listener(host_transport& at, std::uint16_t port) : at_(at), port_(port) {}
  ~sim_listener() override { close(); }
  std::uint16_t port() const noexcept override { return port_; }
  void close() noexcept override { at_.in().remove_listener(port_, at_); }

 private:
  host_transport& at_;
  const std::uint16_t port_;
};

// Something that ends in one call unless it is let go before.
template <class Function>
class cancellable final : public net::pending {
 public:
  explicit cancellable(std::shared_ptr<Function> what) : what_(std::move(what)) {}
  ~cancellable() override { *what_ = nullptr; }

 private:
  std::shared_ptr<Function> what_;
};

}  // namespace

void network::finish(const std::shared_ptr<connection>& c, int side) {
  send(c, 1 - side, {later(in.now(), delay(c->host[side], c->host[1 - side])), {}, true, false});
}

// From the dialling side at `from`: over the wire to the listener, and back.
void network::connect(host_transport& from, std::uint16_t port, steady_time limit,
                      std::shared_ptr<net::transport::dial_handler> done) {
  const auto answer = [this, &from, done](auto make, std::chrono::nanoseconds after) {
    in.at(from.where(), later(in.now(), after), [done, &from, make] {
      if (*done) from.run([&] { std::exchange(*done, nullptr)(make()); });
    });
  };
  using result = io_result<std::unique_ptr<net::stream>>;
  const auto at = listeners_.find(port);
  const std::size_t to = machine_of(port);
  if (!answers(from.index(), to)) {
    if (in.now() + dial_retry >= limit)
      return answer([] { return result(failure(io_errc::timed_out, "no answer")); },
                    std::max(limit - in.now(), 0ns));
    in.at(*wire_, in.now() + dial_retry, [this, &from, port, limit, done] {
      if (*done) connect(from, port, limit, done);
    });
    return;
  }
  const auto there = delay(from.index(), to);
  if (at == listeners_.end())
    return answer(
        [port] {
          return result(
              failure(io_errc::refused, fmt::format("refused: nothing listens at port {}", port)));
        },
        2 * there);
  auto c = std::make_shared<connection>();
  c->host[0] = from.index();
  c->host[1] = to;
  c->ends[0].at = &from;
  c->ends[1].at = at->second.at;
  connections_.emplace(++made_, c);
  if (connections_.size() > 2 * living_ + 64) {
    std::erase_if(connections_, [](const auto& entry) { return entry.second.expired(); });
    living_ = connections_.size();
  }
  in.at(at->second.at->where(), later(in.now(), there), [this, c, port, accepting = at->second.at] {
    const auto still = listeners_.find(port);
    if (still == listeners_.end() || still->second.at != accepting) {
      c->ends[1].at = nullptr;
      return send_reset(c, 0);
    }
    const auto accepted = still->second.accepted;
    accepting->run([&] {
      accepted(std::make_unique<sim_stream>(*this, c, 1, endpoint{"127.0.0.1", first_free_port}));
    });
  });
  in.at(from.where(), later(in.now(), there + delay(to, from.index())),
        [this, c, port, done, &from] {
          auto made = std::make_unique<sim_stream>(*this, c, 0, endpoint{"127.0.0.1", port});
          if (*done) from.run([&] { std::exchange(*done, nullptr)(result(std::move(made))); });
        });
}

// --- the transport of one host ------------------------------------------------------------------

host_transport::host_transport(network& in, host& where, std::size_t index,
                               std::shared_ptr<log_sink> log)
    : in_(in), where_(where), index_(index), log_(std::move(log)) {}

host_transport::~host_transport() { in_.crash(*this, false); }

void host_transport::run(const std::function<void()>& function) noexcept {
  try {
    function();
  } catch (const std::exception& e) {
    log_->write(log_level::error, fmt::format("a callback of the transport threw: {}", e.what()));
  } catch (...) {
    log_->write(log_level::error, "a callback of the transport threw");
  }
}

io_result<std::unique_ptr<net::listener>> host_transport::listen(const endpoint& where,
                                                                 accept_handler accepted) {
  std::uint16_t port = where.port;
  if (!in_.add_listener(*this, port, std::move(accepted)))
    return failure(io_errc::in_use,
                   "the address is in use: another listens at " + to_string(where));
  return {std::make_unique<sim_listener>(*this, port)};
}

std::unique_ptr<net::pending> host_transport::dial(const endpoint& where,
                                                   std::chrono::nanoseconds limit,
                                                   dial_handler done) {
  auto held = std::make_shared<dial_handler>(std::move(done));
  in_.connect(*this, where.port, later(now(), limit), held);
  return std::make_unique<cancellable<dial_handler>>(std::move(held));
}

void host_transport::post(std::function<void()> function) {
  in_.in.at(where_, now(), [this, function = std::move(function)] { run(function); });
}

std::unique_ptr<net::pending> host_transport::after(std::chrono::nanoseconds delay,
                                                    std::function<void()> function) {
  auto held = std::make_shared<std::function<void()>>(std::move(function));
  in_.in.at(where_, later(now(), delay), [this, held] {
    if (*held) run(std::exchange(*held, nullptr));
  });
  return std::make_unique<cancellable<std::function<void()>>>(std::move(held));
}

steady_time host_transport::now() const noexcept { return in_.in.now(); }

}  // namespace troupe::sim::internal
