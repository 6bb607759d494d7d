#pragma once

#include <troupe/caf/types.hpp>

#include <caf/actor_system.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

/// CAF actors as guests of troupe. Inside this namespace CAF's own is `::caf`.
namespace troupe::caf {

namespace internal {
using actor_source = std::function<::caf::actor(::caf::actor_system&)>;
}

/// What a bridge holds now.
struct bridge_counts {
  std::size_t adopted = 0;         // actors that have a pid
  std::size_t handles = 0;         // processes that have a handle
  std::uint64_t untranslated = 0;  // messages dropped or refused because no type corresponds
  friend bool operator==(const bridge_counts&, const bridge_counts&) = default;
};

/// Joins one actor system of CAF and one system of ours: `adopt` gives a CAF actor a pid, `handle`
/// gives a process a `::caf::actor`.
///
///     ::caf::actor_system guests(config);
///     troupe::system system;
///     troupe::caf::bridge bridge(guests, system, troupe::caf::types<maps<add, ::caf::add_atom,
///     int, int>>{}); pid calculator = bridge.adopt(guests.spawn(calculator_actor)); int sum =
///     system.call(calculator, add{20, 22});
///
/// - Messages: what `types` names. Another one that CAF sends comes back to its sender as the error
///   `sec::unexpected_message`; a request of ours fails with `troupe::caf::unexpected_message`;
///   what was only sent is dropped, counted and, once a type, logged. The texts name both sides'
///   types.
/// - A request crosses as a request. Its time limit is that of the world it comes from: CAF's
///   `request(to, timeout, ...)`, our `call(to, what, timeout)`. To ask for a type without a reply
///   is an error.
/// - Exit reasons are translated; the table is in net/caf/README.md.
/// - Messages from one sender to one receiver keep their order. The end of a sender is told by
///   another way than its messages: it may arrive before the last of them.
///
/// Both systems outlive the bridge; they may then end in any order. Functions may be called from
/// any thread, from processes and from actors, unless they say otherwise.
class bridge {
 public:
  template <class... Entries>
  bridge(::caf::actor_system& guests, troupe::system& home, types<Entries...> known)
      : bridge(guests, home, internal::describe_all(known)) {}
  /// Parts the worlds and waits until neither holds anything of the other: adopted actors are told
  /// to exit with `user_shutdown`, their pids and the handles end with `shutdown`. A child that is
  /// an actor stays as a process without one until its supervisor stops it, so that a tree which
  /// lives on is not torn down by this. Not to be called from inside a process.
  ~bridge();
  bridge(const bridge&) = delete;
  bridge& operator=(const bridge&) = delete;

  /// A pid for the actor: a process of ours stands for it, which can be sent to, called, named,
  /// linked and monitored. It ends when the actor ends, with that reason. Exit signals to it arrive
  /// at the actor as CAF's `exit_msg`, where the actor's exit handler decides, as it does for
  /// CAF's links; `kill` ends both at once. The actor is kept alive until it ends. Adopted again,
  /// it has the same pid; the pid of a handle is its process's own.
  /// A name is registered for it. Throws name_taken, std::logic_error if the actor was adopted
  /// under no or another name before, std::invalid_argument for an invalid handle,
  /// std::runtime_error once the bridge is closed or if the process table is full.
  pid adopt(const ::caf::actor& actor, std::string_view name = {});
  /// The same under a key of a registry: `bridge.adopt_under(actor, players.via("ada"))`. Throws
  /// std::logic_error if the actor was adopted before.
  pid adopt_under(const ::caf::actor& actor, std::shared_ptr<const troupe::internal::place> where);

  /// A handle of CAF for a process here or on another node: CAF's sends and requests go to it. It
  /// ends, for CAF's monitors and links, when the process ends or its node is lost. An `exit_msg`
  /// to it is an exit signal to the process. The same process gives the same handle for as long as
  /// it lives; that of an adopted actor is the actor itself. Keep it no longer than CAF's system.
  /// Costs a process of ours and an object of CAF until the process ends.
  /// Throws std::invalid_argument for no pid, std::runtime_error as `adopt`.
  [[nodiscard]] ::caf::actor handle(pid process);

  /// A child that is a CAF actor, spawned at each start as `guests.spawn(function, args...)` is.
  /// The bridge must live when the tree starts.
  template <class Function, class... Args>
    requires(!std::derived_from<Function, ::caf::abstract_actor>)
  [[nodiscard]] child_spec child(std::string id, Function function, Args... args) const {
    return child_from(std::move(id), [function, args...](::caf::actor_system& guests) {
      return ::caf::actor_cast<::caf::actor>(guests.spawn(function, args...));
    });
  }
  /// The same for an actor class: `guests.spawn<Actor>(args...)`.
  template <std::derived_from<::caf::abstract_actor> Actor, class... Args>
  [[nodiscard]] child_spec child(std::string id, Args... args) const {
    return child_from(std::move(id), [args...](::caf::actor_system& guests) {
      return ::caf::actor_cast<::caf::actor>(guests.spawn<Actor>(args...));
    });
  }

  [[nodiscard]] bridge_counts counts() const;

 private:
  bridge(::caf::actor_system& guests, troupe::system& home,
         std::vector<internal::correspondence> known);
  [[nodiscard]] child_spec child_from(std::string id, internal::actor_source make) const;

  std::shared_ptr<internal::joint> joint_;
};

}  // namespace troupe::caf
