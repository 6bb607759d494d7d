#include <troupe/net/port.hpp>

#include <csignal>
#include <optional>
#include <system_error>

#include "platform/child_group.hpp"
#include "platform/child_watch.hpp"
#include "platform/pipe.hpp"
#include "port/output.hpp"
#include "port/splitter.hpp"

namespace troupe::net {
namespace {

// How much longer than the stop time the end of the programs may take: for SIGKILL, and a busy
// machine.
constexpr std::chrono::nanoseconds kill_margin = std::chrono::seconds(5);

struct program_ended {};
struct writable {};
// Answered when the programs run.
struct await_running {
  using reply = void;
};

process tell_end(context self, pid port, descriptor end) {
  co_await until_readable(self, std::move(end));
  self.send(port, program_ended{});
}
process tell_writable(context self, pid port, descriptor what) {
  co_await until_writable(self, std::move(what));
  self.send(port, writable{});
}

std::string names_of(const std::vector<command>& programs) {
  std::string all;
  for (const command& one : programs)
    all += (all.empty() ? "" : " | ") + (one.program.empty() ? "this program" : one.program);
  return all;
}

child_group::errors place_of(port_errors wanted) {
  switch (wanted) {
    case port_errors::logged: return child_group::errors::piped;
    case port_errors::merged: return child_group::errors::merged;
    case port_errors::inherited: break;
  }
  return child_group::errors::inherited;
}

void check(const port_options& options) {
  const auto refuse_if = [](bool wrong, const char* what) {
    if (wrong) throw port_error(std::string("port_options::") + what);
  };
  refuse_if(options.commands.empty(), "commands: name a program");
  refuse_if(options.window == 0, "window: it must be 1 or more");
  refuse_if(options.max_message_bytes == 0, "max_message_bytes: it must be 1 or more");
}

/// The process that stands for the programs: they live in it.
class port_process {
 public:
  port_process(context self, port_options options, destination owner)
      : self_(self),
        options_(std::move(options)),
        name_(names_of(options_.commands)),
        owner_(std::move(owner)) {}
  [[nodiscard]] task<> run();

 private:
  void start();
  [[nodiscard]] task<> on_exit(exit_signal e);
  [[nodiscard]] task<> on_down(const down& d);
  void on_program_ended();
  void on_output_over() { --readers_; }
  [[nodiscard]] task<> write(request<port_write> wanted);
  [[nodiscard]] task<> until_input_has_room();
  [[nodiscard]] task<> stop(exit_reason why);
  void end();
  [[nodiscard]] bool over() const { return running_ == 0 && readers_ == 0; }

  context self_;
  const port_options options_;
  const std::string name_;
  const destination owner_;
  monitor_ref owner_alive_;
  std::optional<child_group> programs_;
  descriptor input_;
  pid output_;
  pid errors_;
  std::size_t running_ = 0;  // programs
  std::size_t readers_ = 0;
};

task<> port_process::run() {
  start();
  while (!over())
    co_await self_.receive(
        [&](request<port_write> r) { return write(std::move(r)); },
        [&](port_write w) { return write(request<port_write>({}, std::move(w))); },
        [&](request<port_close_input> r) {
          input_.reset();
          r.reply();
        },
        [&](port_close_input) { input_.reset(); },             //
        [&](program_ended) { on_program_ended(); },            //
        [&](output_over) { on_output_over(); },                //
        [&](exit_signal e) { return on_exit(std::move(e)); },  //
        [&](down d) { return on_down(d); },                    //
        [](request<await_running> r) { r.reply(); },           //
        [](writable) {}, [](message) {});                      // nobody would ever read it
  end();
}

void port_process::start() {
  self_.trap_exits(true);
  owner_alive_ = self_.monitor(owner_);
  try {
    programs_.emplace(options_.commands, place_of(options_.errors));
    running_ = programs_->size();
    input_ = programs_->take_input();
    for (std::size_t i = 0; i < running_; ++i)
      self_.spawn_link(tell_end, self_.id(), programs_->end(i));
  } catch (const std::system_error& e) {
    throw port_error(e.what());
  }
  output_ = self_.spawn_link(read_output, programs_->take_output(), owner_, options_.framing,
                             options_.max_message_bytes, options_.window);
  ++readers_;
  if (options_.errors == port_errors::logged) {
    errors_ = self_.spawn_link(log_output, programs_->take_errors(), name_);
    ++readers_;
  }
  troupe::internal::announce_started(self_);
}

// --- the end -------------------------------------------------------------------------------------

void port_process::on_program_ended() {
  if (--running_ > 0) return;
  input_.reset();
  programs_->send_signal(SIGKILL);  // what they have left behind in their group
  self_.send(output_, last_output{});
  if (errors_) self_.send(errors_, last_output{});
}

void port_process::end() {
  const std::vector<child_end> ends = programs_->reap();
  for (std::size_t i = ends.size(); i-- > 0;) {
    const bool unwanted = i + 1 < ends.size() && ends[i].signal == SIGPIPE;
    if (unwanted || (ends[i].signal == 0 && ends[i].status == 0)) continue;
    const std::string program = names_of({options_.commands[i]});
    self_.exit(exit_reason::of(
        port_ended{program, ends[i].signal, ends[i].status, program + ' ' + to_string(ends[i])}));
  }
}

task<> port_process::on_exit(exit_signal e) {
  if (e.reason != exit_reason::normal) co_await stop(std::move(e.reason));
}

task<> port_process::on_down(const down& d) {
  if (d.ref != owner_alive_) co_return;
  if (owner_.named() && d.reason == exit_reason::noproc)
    throw port_error("there is no owner to read what " + name_ +
                     " writes: start the port after it");
  co_await stop(exit_reason::shutdown);
}

// What the programs still write is read meanwhile, so that they are not held up.
task<> port_process::stop(exit_reason why) {
  input_.reset();
  programs_->send_signal(SIGTERM);
  const steady_time deadline = later(self_.now(), options_.stop_time);
  while (running_ > 0) {
    const auto left = options_.stop_time == infinity ? infinity : deadline - self_.now();
    if (!co_await self_.receive_within<program_ended>(left)) break;
    --running_;
  }
  programs_.reset();  // killed, as far as they are still there
  self_.exit(std::move(why));
}

// --- the input -----------------------------------------------------------------------------------

// Other requests wait in the mailbox meanwhile, and with them their senders.
task<> port_process::write(request<port_write> wanted) {
  std::string bytes;
  try {
    bytes = framed(options_.framing, std::move(wanted->bytes));
  } catch (const port_error&) {
    co_return wanted.fail(exit_reason::from_current_exception());
  }
  for (std::string_view left = bytes; !left.empty();) {
    const pipe_step step = input_ ? write_now(input_, left) : pipe_step{pipe_step::state::over};
    if (step.what == pipe_step::state::over) {
      input_.reset();
      co_return wanted.fail(exit_reason::error(
          "troupe::net::port_error", "the input of " + name_ + " is closed: nobody reads it"));
    }
    left.remove_prefix(step.bytes);
    if (step.what == pipe_step::state::would_wait) co_await until_input_has_room();
  }
  wanted.reply();
}

task<> port_process::until_input_has_room() {
  self_.spawn_link(tell_writable, self_.id(), copy_of(input_));
  for (bool room = false; !room && input_;)
    co_await self_.receive([&](writable) { room = true; },              //
                           [&](program_ended) { on_program_ended(); },  //
                           [&](output_over) { on_output_over(); },      //
                           [&](exit_signal e) { return on_exit(std::move(e)); },
                           [&](down d) { return on_down(d); },
                           [](request<await_running> r) { r.reply(); });
}

process run_port(context self, port_options options, destination owner) {
  port_process state(self, std::move(options), std::move(owner));
  co_await state.run();
}

mailbox_limits mailbox_of(const port_options& options) {
  return {.bytes = options.max_input_bytes, .when_full = overflow::hold_sender};
}

}  // namespace

task<pid> start_port(context self, port_options options) {
  check(options);
  const mailbox_limits mailbox = mailbox_of(options);
  const pid port =
      self.spawn_with({.mailbox = mailbox}, run_port, std::move(options), destination(self.id()))
          .id;
  const auto answer = co_await self.try_call(port, await_running{}, infinity);
  if (answer) co_return port;
  self.exit(port, exit_reason::kill);  // it may live: a caller's deadline bounds this call too
  const exit_reason& why = answer.reason();
  throw port_error(why.type() == "troupe::net::port_error" ? std::string(why.text())
                                                           : to_string(why));
}

child_spec port_child(std::string id, destination owner, port_options options) {
  check(options);
  auto start = [options, owner](troupe::internal::engine& engine,
                                const troupe::internal::launch_options& how) {
    return troupe::internal::launch(engine, how, "troupe::net::port", run_port, options, owner).id;
  };
  return child_spec({.id = std::move(id), .name = {}, .start = std::move(start), .announces = true})
      .registered()
      .mailbox(mailbox_of(options))
      .shutdown(options.stop_time < infinity - kill_margin ? options.stop_time + kill_margin
                                                           : infinity);
}

}  // namespace troupe::net
