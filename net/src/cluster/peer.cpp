#include <troupe/net/peer.hpp>

#include <troupe/net/asio.hpp>

#include <array>
#include <csignal>
#include <system_error>

#include "cluster/peer_plan.hpp"
#include "cluster/remote_node.hpp"
#include "platform/child_process.hpp"
#include "platform/child_watch.hpp"
#include "platform/peer_environment.hpp"
#include "platform/pipe.hpp"
#include "port/output.hpp"
#include "port/splitter.hpp"
#include "wire/printable.hpp"

namespace troupe::net {
namespace {

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

process tell_end(context self, pid owner, descriptor end) {
  co_await until_readable(self, std::move(end));
  self.send(owner, child_ended{});
}

// The standard output of a peer that announces itself there.
process hear(context self, pid owner, descriptor output, std::string name) {
  pipe_source source(self, std::move(output));
  output_splitter splitter(port_framing::lines, max_announcement_bytes);
  const auto take = [&](const std::string& line) {
    if (line.starts_with(announcement_mark))
      self.send(owner, child_announced{line.substr(announcement_mark.size())});
    else if (!line.empty())
      self.system().log(log_level::info, name + ": " + printable(line, max_announcement_bytes));
  };
  while (co_await source.more()) {
    splitter.feed(source.bytes());
    while (const auto line = splitter.next()) take(line->bytes);
  }
  if (const auto line = splitter.rest()) take(line->bytes);
  self.send(owner, output_over{});
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
  void start_program();
  void on_announced(const child_announced& what);
  void on_connected(const connect_ended& what);
  void on_ended();
  [[nodiscard]] task<> hear_the_rest();
  void on_too_late();
  void answer_asked();
  [[nodiscard]] task<> stop(exit_reason why);
  [[noreturn]] void exit_as(const child_end& end) const;
  [[noreturn]] void fail(const std::string& why) const;

  context self_;
  const peer_plan plan_;
  const steady_time deadline_;  // to have joined
  monitor_ref starter_;         // must not end before it knows us, and leave us behind
  std::optional<child_process> child_;
  descriptor input_;            // its end is ours, for a peer by standard_io
  std::vector<pid> listeners_;  // to what it writes
  std::size_t listening_ = 0;   // of them
  peer_joined about_;           // its node is known once it has told
  bool joined_ = false;
  bool ended_ = false;
  bool stopping_ = false;
  std::optional<request<await_joined>> asked_;
};

task<> peer_process::run() {
  start();
  while (!ended_) {
    co_await self_.receive(
        [&](child_announced m) { on_announced(m); },  //
        [&](output_over) { --listening_; },           //
        [&](connect_ended m) { on_connected(m); },    //
        [&](child_ended) -> task<> {
          co_await hear_the_rest();
          on_ended();
        },
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
    start_program();
  } catch (const std::system_error& e) {
    fail(e.what());
  }
}

void peer_process::start_program() {
  pipe_ends input;
  pipe_ends heard;
  pipe_ends logged;
  if (plan_.stdio) {
    input = make_pipe();
    heard = make_pipe();
    make_nonblocking(heard.read);
  }
  if (plan_.logged) {
    logged = make_pipe();
    make_nonblocking(logged.read);
  }
  child_.emplace(plan_.program,
                 child_ties{.input = input.read.get(),
                            .output = plan_.stdio ? heard.write.get() : logged.write.get(),
                            .error = logged.write.get(),
                            .control = !plan_.stdio});
  if (plan_.logged)
    listeners_.push_back(self_.spawn_link(log_output, std::move(logged.read), plan_.name));
  listening_ = listeners_.size() + (plan_.stdio ? 1 : 0);
  if (!plan_.stdio) {
    self_.spawn_link(watch, self_.id(), child_->control(), child_->end());
    return;
  }
  listeners_.push_back(self_.spawn_link(hear, self_.id(), std::move(heard.read), plan_.name));
  self_.spawn_link(tell_end, self_.id(), child_->end());
  input_ = std::move(input.write);
  (void)write_now(input_, plan_.sent);  // it fits into the pipe
}

void peer_process::on_announced(const child_announced& what) {
  if (what.line.empty() || stopping_) return;  // its end, or the time limit, tells more
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

// What it wrote before its end: in the log, or why it failed.
task<> peer_process::hear_the_rest() {
  for (const pid listener : listeners_) self_.send(listener, last_output{});
  while (listening_ > 0)
    co_await self_.receive([&](output_over) { --listening_; },
                           [&](child_announced m) { on_announced(m); });
}

void peer_process::on_ended() {
  const child_end end = child_->try_reap().value();
  if (!joined_)
    fail("its program " + to_string(end) +
         " before its node had joined; its standard error may tell why");
  if (end.signal != 0 || end.status != 0) exit_as(end);
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
  stopping_ = true;
  if (plan_.stdio)
    input_.reset();
  else
    child_->send_signal(SIGTERM);
  const auto ended = co_await self_.receive_within<child_ended>(plan_.stop_time);
  const std::optional<child_end> end = ended ? child_->try_reap() : std::nullopt;
  child_.reset();  // killed, if it is still there
  if (ended) co_await hear_the_rest();
  // Not as it was asked to: on its way out, or before it was asked.
  if (end && (end->status != 0 || (end->signal != 0 && end->signal != SIGTERM))) exit_as(*end);
  self_.exit(std::move(why));
}

void peer_process::exit_as(const child_end& end) const {
  self_.exit(exit_reason::of(
      peer_ended{about_.node, end.signal, end.status, "its program " + to_string(end)}));
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
  return start_planned_peer(self, peer_plan(home, std::move(options)));
}

task<peer_joined> start_planned_peer(context self, peer_plan plan) {
  const std::string name = plan.name;
  const pid peer = self.spawn(run_peer, std::move(plan));
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
      .shutdown(time_to_stop(plan));
}

task<> until_parent_ends(context self) {
  if (is_peer()) (void)co_await wait_for_signal(self, {SIGTERM});
}

std::string random_cookie(const troupe::system& system) {
  std::array<std::byte, 32> bits{};
  system.random()->secret(bits);
  std::string text;
  for (const std::byte b : bits) {
    text += "0123456789abcdef"[std::to_integer<unsigned>(b >> 4)];
    text += "0123456789abcdef"[std::to_integer<unsigned>(b & std::byte{15})];
  }
  return text;
}

}  // namespace troupe::net
