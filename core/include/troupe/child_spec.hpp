#pragma once

#include <troupe/server.hpp>

#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace troupe {

/// When a child is started again after it has ended. (OTP: restart types.)
enum class restart_type : std::uint8_t {
  permanent,  // always
  transient,  // unless it ended with normal or shutdown
  temporary,  // never
};

/// How long a child waits for its restart, so that what it depends on has time to come back. It
/// waits `first`, then `factor` times as long for each further restart in a row, up to `limit`; who
/// has run for longer than `limit` begins anew. Not in OTP. Each restart counts for the intensity
/// of the supervisor, which so gives up only if more than `intensity` of them, with their waits,
/// fit into its `period`.
struct backoff {
  std::chrono::nanoseconds first = std::chrono::milliseconds(100);
  double factor = 2;  // 1: every wait is the same
  std::chrono::nanoseconds limit = std::chrono::seconds(30);
  double jitter = 0.1;  // the part of a wait by which chance makes it shorter or longer, at most
};

namespace internal {

// How a supervisor treats a child: what a specification says besides how the child is started.
struct child_policy {
  restart_type type = restart_type::permanent;
  std::chrono::nanoseconds shutdown = std::chrono::seconds(5);
  bool shutdown_given = false;
  bool brutal_kill = false;
  std::chrono::nanoseconds start_limit = infinity;
  std::optional<troupe::backoff> backoff = {};
  bool significant = false;
  bool supervises = false;
  mailbox_limits mailbox = {};
  troupe::priority priority = troupe::priority::normal;
};

struct child_record {
  std::string id;
  std::string name = {};
  std::function<pid(engine&, const launch_options&)> start;
  bool announces = false;  // tells when its init is through, so that the next child can start
  child_policy policy = {};
};

// The setters that all specifications of children have; `Self` is the specification.
template <class Self>
class child_settings {
 public:
  Self transient() && { return std::move(*this).restarted(restart_type::transient); }
  Self temporary() && { return std::move(*this).restarted(restart_type::temporary); }
  Self restarted(restart_type type) && {
    policy().type = type;
    return self();
  }
  /// How long it may take to end after `shutdown` before it is killed; `infinity` waits for ever.
  /// 5 s unless set, for ever for a supervisor.
  Self shutdown(std::chrono::nanoseconds limit) && {
    policy().shutdown = limit;
    policy().shutdown_given = true;
    return self();
  }
  /// It is killed at once when it is to stop, without being asked.
  Self brutal_kill() && {
    policy().brutal_kill = true;
    return self();
  }
  /// How long its init may take; then it is killed and has not started. For ever unless set, as in
  /// OTP. For what has an init: a server or a supervisor. C++ cannot stop a constructor that does
  /// not return: it holds its worker, and the supervisor, which needs another worker for this,
  /// waits for the killed child no longer than this time once more.
  Self start_within(std::chrono::nanoseconds limit) && {
    policy().start_limit = limit;
    return self();
  }
  /// It waits before it is restarted: `.backoff({.first = 200ms, .limit = 10s})`. Children that the
  /// strategy restarts with it are stopped at once and start when it does.
  Self backoff(troupe::backoff how) && {
    policy().backoff = how;
    return self();
  }
  /// Its mailbox is bounded: `.mailbox({.messages = 1000})`.
  Self mailbox(mailbox_limits limits) && {
    policy().mailbox = limits;
    return self();
  }
  /// It runs before processes of normal priority.
  Self high_priority() && {
    policy().priority = troupe::priority::high;
    return self();
  }
  /// Its end may end its supervisor: see `auto_shutdown`. Not for a permanent child, which has no
  /// end, and only under a supervisor whose auto_shutdown is not `never`.
  Self significant() && {
    policy().significant = true;
    return self();
  }

 private:
  friend Self;
  child_settings() = default;
  child_policy& policy() { return static_cast<Self&>(*this).record_.policy; }
  Self self() { return std::move(static_cast<Self&>(*this)); }
};

}  // namespace internal

/// With this reason a child says in its init that it is not needed: `self.exit(troupe::ignore())`
/// in a server's constructor, or anywhere in a process function. It has started well, does not run
/// and is not restarted; a supervisor can start it later by `restart_child`. (OTP: `ignore`.)
[[nodiscard]] exit_reason ignore();

/// One child of a supervisor: how it is started, restarted and stopped. A value; the setters can
/// be chained: `child<accounts>("accounts", dsn).shutdown(10s).transient()`. What contradicts
/// itself is refused when a supervisor gets it, by a std::invalid_argument that names the field.
/// (OTP: child specification; the same defaults.)
class child_spec : public internal::child_settings<child_spec> {
 public:
  explicit child_spec(internal::child_record record) : record_(std::move(record)) {}

  /// Registers the child under this name before it runs.
  child_spec name(std::string name) && {
    record_.name = std::move(name);
    return std::move(*this);
  }
  /// The name is the child's id.
  child_spec registered() && {
    record_.name = record_.id;
    return std::move(*this);
  }

  /// Registers the child under a key of a registry before it runs: `.under(players.via("ada"))`.
  child_spec under(std::shared_ptr<const internal::place> where) && {
    record_.start = [start = std::move(record_.start), where = std::move(where)](
                        internal::engine& home, const internal::launch_options& options) {
      internal::launch_options placed = options;
      placed.under = where;
      return start(home, placed);
    };
    return std::move(*this);
  }

  [[nodiscard]] const internal::child_record& record() const noexcept { return record_; }

 private:
  friend internal::child_settings<child_spec>;
  internal::child_record record_;
};

namespace internal {
// For a process function that is a child whose record says `announces`: its init is through.
// Started in another way, it has nobody to tell.
void announce_started(context self);
}  // namespace internal

/// A child that is a server: its constructor's arguments are copied at each start. The next child
/// starts when the constructor is through.
template <internal::server_type S, class... Args>
[[nodiscard]] child_spec child(std::string id, Args... args) {
  auto start = [args...](internal::engine& home, const internal::launch_options& options) {
    return internal::launch_server<S>(home, options, args...).id;
  };
  return child_spec({.id = std::move(id), .start = std::move(start), .announces = true});
}
/// A child that is a process function.
template <class Function, class... Args>
  requires std::is_invocable_r_v<process, Function&, context, Args...>
[[nodiscard]] child_spec child(std::string id, Function function, Args... args) {
  auto start = [function, args...](internal::engine& home,
                                   const internal::launch_options& options) {
    return internal::launch(home, options, internal::behaviour_name<Function>(), function, args...)
        .id;
  };
  return child_spec({.id = std::move(id), .start = std::move(start)});
}

}  // namespace troupe
