#include <troupe/net/peer.hpp>

#include <troupe/net/asio.hpp>

#include <csignal>
#include <system_error>

#include "cluster/cluster.hpp"
#include "cluster/remote_node.hpp"
#include "platform/child_process.hpp"
#include "platform/child_watch.hpp"
#include "platform/cookie_file.hpp"
#include "platform/peer_environment.hpp"

namespace troupe::net {
namespace {

// How much longer than the stop time the end of a peer may take: for SIGKILL, and a busy machine.
constexpr std::chrono::nanoseconds kill_margin = std::chrono::seconds(5);

/// All that it takes to start a peer, as often as wanted. Holds nothing of the node, which may be
/// gone when a supervisor still stops its children.
struct peer_plan {
  peer_plan(const node& home, peer_options wanted);
  std::string name;
  command program;
  std::chrono::nanoseconds start_time;
  std::chrono::nanoseconds stop_time;
};

peer_plan::peer_plan(const node& home, peer_options wanted)
    : name(std::move(wanted.name)),
      program{std::move(wanted.program), std::move(wanted.arguments),
              std::move(wanted.environment)},
      start_time(wanted.start_time),
      stop_time(wanted.stop_time) {
  const auto parsed = net::node_name::parse_to_listen(name);
  if (const auto* error = std::get_if<node_name_error>(&parsed))
    throw node_error("peer_options::name: " + error->text);
  auto& environment = program.environment;
  environment[node_variable] = name;
  environment[parent_variable] = home.name();
  environment[stop_variable] =
      std::to_string(std::chrono::ceil<std::chrono::milliseconds>(stop_time).count());
  const node_options& own = home.inside().options();
  if (!own.cookie.empty())
    environment[cookie_variable] = own.cookie;
  else if (!own.cookie_file.empty())
    environment[cookie_file_variable] = own.cookie_file.string();
  const auto pass_on = [&](const char* variable, const std::filesystem::path& file) {
    if (!file.empty()) environment.try_emplace(variable, file.string());
  };
  pass_on(tls_certificate_variable, own.tls.certificate);
  pass_on(tls_key_variable, own.tls.key);
  pass_on(tls_authority_variable, own.tls.authority);
}

std::string did_not_start(const std::string& name) {
  return "the peer " + name + " did not start: ";
}

struct child_announced {
  std::string line;  // empty: it closed the socket, or ended
};
struct child_ended {};
struct connect_ended {
  std::string failure;  // empty: connected
};
// Answered when the peer has joined.
struct await_joined {
  using reply = peer_joined;
};

// One after the other, so that what a peer says about its failure is heard before its end is seen.
process watch(context self, pid owner, descriptor control, descriptor end) {
  self.send(owner,
            child_announced{co_await read_line(self, std::move(control), max_announcement_bytes)});
  co_await until_readable(self, std::move(end));
  self.send(owner, child_ended{});
}

process connect_to(context self, pid owner, std::string node) {
  auto answer = co_await self.try_call({"net_kernel", node}, internal::connect_order{}, infinity);
  self.send(owner, connect_ended{answer ? std::string() : to_string(answer.reason())});
}

/// The process that stands for a peer: its OS process lives in it.
class peer_process {
 public:
  peer_process(context self, peer_plan plan)
      : self_(self), plan_(std::move(plan)), deadline_(later(self.now(), plan_.start_time)) {}
  [[nodiscard]] task<> run();

 private:
  void start();
  void on_announced(const child_announced& what);
  void on_connected(const connect_ended& what);
  void on_ended();
  void on_too_late();
  void answer_asked();
  [[nodiscard]] task<> stop(exit_reason why);
  [[noreturn]] void fail(const std::string& why) const;

  context self_;
  const peer_plan plan_;
  const steady_time deadline_;  // to have joined
  monitor_ref starter_;         // must not end before it knows us, and leave us behind
  std::optional<child_process> child_;
  peer_joined about_;  // its node is known once it has told
  bool joined_ = false;
  bool ended_ = false;
  std::optional<request<await_joined>> asked_;
};

task<> peer_process::run() {
  start();
  while (!ended_) {
    co_await self_.receive(
        [&](child_announced m) { on_announced(m); },  //
        [&](connect_ended m) { on_connected(m); },    //
        [&](child_ended) { on_ended(); },
        [&](request<await_joined> r) {
          asked_ = std::move(r);
          answer_asked();
        },
        [&](exit_signal e) -> task<> {
          if (e.reason != exit_reason::normal) co_await stop(std::move(e.reason));
        },
        [&](down d) -> task<> {
          if (d.ref == starter_) co_await stop(exit_reason::shutdown);
        },
        [](message) {},  // nobody would ever read it
        after(joined_ ? infinity : deadline_ - self_.now(), [&] { on_too_late(); }));
  }
}

void peer_process::start() {
  self_.trap_exits(true);
  starter_ = self_.monitor(self_.parent());
  try {
    child_.emplace(plan_.program);
    self_.spawn_link(watch, self_.id(), child_->control(), child_->end());
  } catch (const std::system_error& e) {
    fail(e.what());
  }
}

void peer_process::on_announced(const child_announced& what) {
  if (what.line.empty()) return;  // its end, or the time limit, tells more
  const auto said = read_announcement(what.line);
  if (!said) fail("its program wrote to the socket that is for troupe: " + what.line);
  if (said->node.empty()) fail(said->failure);
  about_ = {self_.id(), said->node, said->incarnation, child_->id()};
  self_.spawn_link(connect_to, self_.id(), said->node);
}

void peer_process::on_connected(const connect_ended& what) {
  if (!what.failure.empty()) fail("its node listens as " + about_.node + ", but: " + what.failure);
  joined_ = true;
  self_.demonitor(starter_);
  troupe::internal::announce_started(self_);
  answer_asked();
}

void peer_process::answer_asked() {
  if (!joined_ || !asked_) return;
  asked_->reply(about_);
  asked_.reset();
}

void peer_process::on_ended() {
  const child_end end = child_->try_reap().value();
  if (!joined_)
    fail("its program " + to_string(end) +
         " before its node had joined; its standard error may tell why");
  if (end.signal != 0 || end.status != 0)
    self_.exit(exit_reason::of(
        peer_ended{about_.node, end.signal, end.status, "its program " + to_string(end)}));
  ended_ = true;
}

void peer_process::on_too_late() {
  if (child_->try_reap()) on_ended();  // unseen, because a program that it started has the socket
  const auto limit = std::chrono::round<std::chrono::milliseconds>(plan_.start_time).count();
  fail("its node had not joined after " + std::to_string(limit) +
       " ms, and it is killed: see that its program makes a troupe::net::node, and that it has the "
       "time to (peer_options::start_time)");
}

task<> peer_process::stop(exit_reason why) {
  child_->send_signal(SIGTERM);
  (void)co_await self_.receive_within<child_ended>(plan_.stop_time);
  child_.reset();  // killed, if it is still there
  self_.exit(std::move(why));
}

void peer_process::fail(const std::string& why) const {
  throw node_error(did_not_start(plan_.name) + why);
}

process run_peer(context self, peer_plan plan) {
  peer_process state(self, std::move(plan));
  co_await state.run();
}

}  // namespace

task<peer_joined> start_peer(context self, const node& home, peer_options options) {
  const std::string name = options.name;
  const pid peer = self.spawn(run_peer, peer_plan(home, std::move(options)));
  auto answer = co_await self.try_call(peer, await_joined{}, infinity);
  if (answer) co_return std::move(*answer);
  self.exit(peer, exit_reason::kill);  // it may live: a caller's deadline bounds this call too
  const exit_reason& why = answer.reason();
  if (why.type() == "troupe::net::node_error") throw node_error(std::string(why.text()));
  throw node_error(did_not_start(name) + to_string(why));
}

child_spec peer_child(std::string id, const node& home, peer_options options) {
  const peer_plan plan(home, std::move(options));
  auto start = [plan](troupe::internal::engine& engine,
                      const troupe::internal::launch_options& how) {
    return troupe::internal::launch(engine, how, "troupe::net::peer", run_peer, plan).id;
  };
  return child_spec({.id = std::move(id), .name = {}, .start = std::move(start), .announces = true})
      .registered()
      .shutdown(plan.stop_time < infinity - kill_margin ? plan.stop_time + kill_margin : infinity);
}

task<> until_parent_ends(context self) {
  if (is_peer()) (void)co_await wait_for_signal(self, {SIGTERM});
}

}  // namespace troupe::net
