// An adopted actor of CAF, as a process.
#include "joint.hpp"
#include "reasons.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>
#include <caf/logger.hpp>
#include <caf/system_messages.hpp>

#include <fmt/format.h>

#include <map>

namespace troupe::caf::internal {
namespace {

// From the actor: it has ended.
struct actor_ended {
  exit_reason reason;
};

class guest_process {
 public:
  guest_process(context self, adopted& stay) : self_(self), stay_(stay), between_(*stay.between) {}

  // Spawns the actor of a child. It gets none if the bridge is closed.
  void make(const actor_source& make);
  task<> run(bool child) {
    self_.trap_exits(true);
    if (stay_.actor) watch();
    while (stay_.actor)
      co_await self_.receive([&](actor_ended e) { ended(std::move(e.reason)); },
                             [&](from_caf r) { respond(std::move(r)); },
                             [&](const troupe::exit_signal& e) { pass_on(e); },
                             [&](request<part> r) { part_from_actor(child, r); },
                             [&](message m) { forward(std::move(m)); });
    self_.trap_exits(false);
    for (;;)
      co_await self_.receive([](request<part> r) { r.reply(); },
                             [&](exit_signal e) {  // one that was trapped before
                               if (e.reason != exit_reason::normal) self_.exit(std::move(e.reason));
                             },
                             [](message m) { refuse(m, exit_reason::noproc); });
  }

 private:
  struct pending {
    const correspondence* how;
    message what;  // one of our requests
  };

  void watch();
  [[noreturn]] void ended(exit_reason why) {
    stay_.let_go();
    self_.exit(std::move(why));
  }
  void part_from_actor(bool child, request<part>& r) {
    stay_.exit(::caf::exit_reason::user_shutdown);
    face_ = nullptr;
    stay_.let_go();
    r.reply();
    if (!child) self_.exit(exit_reason::shutdown);
  }
  // The actor's exit handler decides, as for a link of CAF.
  void pass_on(const exit_signal& signal) {
    stay_.exit(error_of(signal.reason), between_.address_of(signal.from));
  }
  [[nodiscard]] ::caf::abstract_actor& inside() const {
    return *::caf::actor_cast<::caf::abstract_actor*>(stay_.actor);
  }
  static request_header& header_of(message& asked) {
    return *static_cast<request_header*>(asked.payload());
  }

  void forward(message m);
  void ask(const correspondence& how, message& m);
  void respond(from_caf response);
  static void refuse(message& m, const exit_reason& why);
  void forget_two();

  context self_;
  adopted& stay_;
  joint& between_;
  ::caf::actor face_;  // where the actor's responses arrive
  std::map<std::uint64_t, pending> asked_;
  std::uint64_t last_asked_ = 0;
  std::uint64_t looked_at_ = 0;  // by forget_two
};

// Spawning leaves the thread with a reference to CAF's logger, and CAF's system cannot end before
// all of those are gone.
struct logger_released {
  ~logger_released() { ::caf::logger::set_current_actor_system(nullptr); }
};

void guest_process::make(const actor_source& make) {
  if (!between_.enter(self_.id())) return;
  try {
    const logger_released afterwards;
    auto actor = make(between_.guests());
    between_.become(self_.id(), actor);
    stay_.actor = std::move(actor);
  } catch (...) {
    between_.give_up(self_.id());
    throw;
  }
}

void guest_process::watch() {
  stay_.box->open(self_.system().home(), self_.id());
  face_ = make_face(between_.guests(), {}, self_.id(), stay_.box);
  inside().attach_functor([box = stay_.box, &guests = between_.guests()](const ::caf::error& why) {
    box->post(actor_ended{reason_of(guests, why)});
  });
}

void guest_process::forward(message m) {
  const correspondence* const how = between_.find(m.type());
  if (how == nullptr) {
    const auto text = between_.untranslated(m, "actor " + std::to_string(stay_.actor.id()));
    if (m.type().kind == message_kind::request)
      return refuse(m, exit_reason::error("troupe::caf::unexpected_message", text));
    return between_.report(std::string(m.name()), text);
  }
  try {
    if (m.type().kind == message_kind::request) return ask(*how, m);
    inside().enqueue(nullptr, ::caf::make_message_id(), how->to_caf(between_, m), nullptr);
  } catch (const std::exception&) {  // from the value: a copy, or an address it holds
    refuse(m, exit_reason::from_current_exception());
  }
}

void guest_process::ask(const correspondence& how, message& m) {
  auto content = how.to_caf(between_, m);
  const std::uint64_t id = ++last_asked_;
  asked_.emplace(id, pending{&how, std::move(m)});
  forget_two();
  inside().enqueue(::caf::actor_cast<::caf::strong_actor_ptr>(face_),
                   ::caf::message_id(id).with_normal_priority(), std::move(content), nullptr);
}

// A request that its caller has given up may never be answered. Looking at two old ones for each
// new one keeps the table within twice the number of those that are waited for.
void guest_process::forget_two() {
  const steady_time now = self_.now();
  for (int i = 0; i < 2 && !asked_.empty(); ++i) {
    auto at = asked_.upper_bound(looked_at_);
    if (at == asked_.end()) at = asked_.begin();
    looked_at_ = at->first;
    if (header_of(at->second.what).deadline <= now) asked_.erase(at);
  }
}

void guest_process::respond(from_caf response) {
  const auto element = response.take();
  const auto at = asked_.find(element->mid.request_id().integer_value());
  if (!element->mid.is_response() || at == asked_.end()) return;  // its caller has given up
  pending asked = std::move(asked_.extract(at).mapped());
  auto& content = element->content();
  try {
    if (asked.how->answer(between_, asked.what, content)) return;
    if (content.match_elements<::caf::error>())
      return refuse(asked.what, reason_of(between_.guests(), content.get_as<::caf::error>(0)));
    refuse(asked.what,
           exit_reason::error(
               "troupe::caf::unexpected_message",
               fmt::format("the response of CAF's actor is {}; the reply of {} is {}, in CAF {}",
                           between_.text_of(content), asked.how->name, asked.how->reply_name,
                           asked.how->reply_elements())));
  } catch (const std::exception&) {
    refuse(asked.what, exit_reason::from_current_exception());
  }
}

void guest_process::refuse(message& m, const exit_reason& why) {
  if (m && m.type().kind == message_kind::request)
    troupe::internal::send_failure(header_of(m), why);
}

}  // namespace

adopted::~adopted() {
  if (actor) exit(::caf::exit_reason::kill);
  let_go();
}

void adopted::let_go() noexcept {
  box->close();
  if (actor) between->leave(actor);
  actor = nullptr;
}

void adopted::exit(::caf::error why, ::caf::actor_addr from) const {
  // A kill is urgent; others wait behind the messages that were sent before.
  const auto urgency = why == ::caf::exit_reason::kill ? ::caf::message_priority::high
                                                       : ::caf::message_priority::normal;
  ::caf::actor_cast<::caf::abstract_actor*>(actor)->enqueue(
      nullptr, ::caf::make_message_id(urgency),
      ::caf::make_message(::caf::exit_msg{std::move(from), std::move(why)}), nullptr);
}

process guest(context self, std::shared_ptr<adopted> stay, actor_source make) {
  guest_process me(self, *stay);
  const bool child = make != nullptr;
  if (child) me.make(std::exchange(make, nullptr));
  troupe::internal::announce_started(self);
  co_await me.run(child);
}

}  // namespace troupe::caf::internal
