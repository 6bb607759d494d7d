#pragma once

#include <troupe/caf.hpp>

#include "face.hpp"

#include <caf/exit_reason.hpp>

#include <deque>
#include <set>
#include <unordered_map>

namespace troupe::caf::internal {

// Asks a process of the bridge to let go of all that is CAF's.
struct part {
  using reply = void;
};

// What a bridge and its processes share: who stands for whom, and which types correspond. Any
// thread. It lives until the last of them has let go of it, which may be after the bridge.
class joint : public std::enable_shared_from_this<joint> {
 public:
  joint(::caf::actor_system& guests, troupe::system& home, std::vector<correspondence> known);

  pid adopt(const ::caf::actor& actor, const spawn_options& as);
  [[nodiscard]] ::caf::actor handle(pid process);
  // Refuses new pairs from now on and parts those that are there.
  void close();
  [[nodiscard]] bridge_counts counts() const;

  // --- for the processes of the bridge ---

  [[nodiscard]] ::caf::actor_system& guests() const noexcept { return guests_; }
  // A child that is about to spawn its actor. False: the bridge is closed.
  [[nodiscard]] bool enter(pid process);
  // It has. Throws std::logic_error if the actor has a pid.
  void become(pid process, const ::caf::actor& actor);
  // The pair of that actor or face is parted.
  void leave(const ::caf::actor& actor) noexcept;
  // A child that has no actor after all.
  void give_up(pid process) noexcept;
  // The pid of an actor that has one, or had one until not long ago; else none.
  [[nodiscard]] pid known(const ::caf::actor_addr& actor) const;

  // The address of what stands for the process in CAF, if anything does.
  [[nodiscard]] ::caf::actor_addr address_of(pid process) const;

  [[nodiscard]] const correspondence* find(const message_type& type) const;
  [[nodiscard]] const correspondence* find(const ::caf::type_erased_tuple& content) const;
  // Counts what cannot cross and gives the text for its sender, which names it and all types that
  // can. `to` is who would have got it.
  [[nodiscard]] std::string untranslated(const ::caf::type_erased_tuple& content,
                                         std::string_view to);
  [[nodiscard]] std::string untranslated(const message& what, std::string_view to);
  // Logs a text about something that was only sent, once for each subject.
  void report(const std::string& subject, const std::string& text);
  // `('add', int32)`
  [[nodiscard]] std::string text_of(const ::caf::type_erased_tuple& content) const;

 private:
  struct pair {
    ::caf::actor actor;  // an adopted one, or the face of a process
    pid behind;          // our process: the pid itself, or the one behind the face
  };
  [[nodiscard]] pid of_own_face(const ::caf::actor& actor) const;
  void refuse_if_closed() const;
  [[nodiscard]] std::string known_types() const;

  // Subjects reported at most: a program has so many types only if somebody makes them up.
  static constexpr std::size_t max_reports = 1000;

  // An actor's exit_msgs may still be under way when its pair is parted: so many of the last ones
  // are remembered, to tell from whom those came.
  static constexpr std::size_t max_parted = 256;

  ::caf::actor_system& guests_;
  troupe::system& home_;
  const std::vector<correspondence> known_;
  std::unordered_map<const message_type*, const correspondence*> by_type_;

  mutable net::platform::shared_mutex lock_;
  bool closed_ = false;
  std::unordered_map<::caf::actor, pid> adopted_;
  std::unordered_map<pid, pair> pairs_;
  std::set<pid> entering_;
  std::deque<std::pair<::caf::actor_addr, pid>> parted_;
  std::set<std::string> reported_;
  std::uint64_t untranslated_ = 0;
};

// An actor that is adopted: what must be undone however its process ends, even before its first
// turn. The process takes its actor with it.
struct adopted {
  adopted(std::shared_ptr<joint> both, ::caf::actor which)
      : between(std::move(both)), actor(std::move(which)) {}
  adopted(const adopted&) = delete;
  adopted& operator=(const adopted&) = delete;
  ~adopted();
  // Parts the pair without a word to the actor.
  void let_go() noexcept;
  // Sends CAF's exit_msg.
  void exit(::caf::error why, ::caf::actor_addr from = {}) const;

  std::shared_ptr<joint> between;
  ::caf::actor actor;  // none once it has ended, or the bridge is closed
  std::shared_ptr<post_box> box = std::make_shared<post_box>();
};

// A process that CAF has a handle of: the same for the process behind it.
struct shown {
  shown(std::shared_ptr<joint> both, ::caf::actor which, std::shared_ptr<post_box> where)
      : between(std::move(both)), face(std::move(which)), box(std::move(where)) {}
  shown(const shown&) = delete;
  shown& operator=(const shown&) = delete;
  ~shown() { let_go(::caf::exit_reason::user_shutdown); }
  // Parts the pair: CAF's monitors and links of the face fire.
  void let_go(::caf::error why) noexcept;

  std::shared_ptr<joint> between;
  ::caf::actor face;  // none once the pair is parted
  std::shared_ptr<post_box> box;
};

// The process that stands for an adopted actor; a child's makes it with `make`.
process guest(context self, std::shared_ptr<adopted> stay, actor_source make);
// The process behind a handle: it forwards to `target`, whose end is the end of the face.
process host(context self, std::shared_ptr<shown> stay, pid target);

}  // namespace troupe::caf::internal
