// The process behind the handle that CAF has of one of our processes.
#include "joint.hpp"
#include "reasons.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>
#include <caf/system_messages.hpp>

#include <fmt/format.h>

#include <array>
#include <list>

namespace troupe::caf::internal {
namespace {

// A request of CAF that the process is to answer.
struct question {
  question(asker who, const correspondence* known) : from(std::move(who)), how(known) {}
  asker from;
  const correspondence* how;
  reply_slot slot;
};

// Waits for any message, or the reply to any question.
struct [[nodiscard]] next_mail : troupe::internal::receive_wait {
  explicit next_mail(const std::list<question>& open) : asked(open), next_message(over) {
    take(any);
    over = [](wait& self, troupe::internal::process_slot& slot) {
      const auto& w = static_cast<next_mail&>(self);
      return w.answered() || w.next_message(self, slot);
    };
  }
  [[nodiscard]] bool await_ready() { return ready(); }
  void await_suspend(std::coroutine_handle<> leaf) { suspend(leaf); }
  [[nodiscard]] message await_resume() { return message(std::exchange(match, nullptr)); }
  [[nodiscard]] bool answered() const {
    for (const question& q : asked)
      if (q.slot.node != nullptr) return true;
    return false;
  }
  static constexpr std::array<const message_type*, 1> any = {nullptr};
  const std::list<question>& asked;
  bool (*next_message)(wait& self, troupe::internal::process_slot& slot);
};

class host_process {
 public:
  host_process(context self, shown& stay, pid target)
      : self_(self), stay_(stay), between_(*stay.between), target_(target) {}

  task<> run() {
    while (stay_.face) {
      message mail = co_await next_mail(asked_);
      pass_replies();
      if (mail) take(std::move(mail));
    }
  }

 private:
  void take(message mail) {
    if (auto* what = mail.get_if<from_caf>()) return from_actor(what->take());
    if (auto* ended = mail.get_if<down>()) {
      for (question& q : asked_) q.from.refuse(receiver_down(ended->reason));
      asked_.clear();
      return stay_.let_go(error_of(ended->reason));
    }
    if (auto* parting = mail.get_if<request<part>>()) {
      asked_.clear();
      stay_.let_go(::caf::exit_reason::user_shutdown);
      parting->reply();
    }
  }

  void from_actor(::caf::mailbox_element_ptr element);
  void pass_replies();
  void pass_reply(question& q);
  void pass_exit(const ::caf::exit_msg& signal);
  message_node* translate_request(question& q, ::caf::type_erased_tuple& content);
  void refuse(asker from, const ::caf::type_erased_tuple& content, const correspondence* how);

  context self_;
  shown& stay_;
  joint& between_;
  pid target_;
  std::list<question> asked_;
};

void host_process::from_actor(::caf::mailbox_element_ptr element) {
  auto& content = element->content();
  if (content.match_elements<::caf::exit_msg>())
    return pass_exit(content.get_as<::caf::exit_msg>(0));
  const bool asks = element->mid.is_request();
  const correspondence* const how = between_.find(content);
  if (how == nullptr || (asks && how->request == nullptr))
    return refuse(asker(*element), content, how);
  std::list<question> open;
  if (asks) open.emplace_back(asker(*element), how);
  try {
    troupe::internal::send(
        target_, asks ? translate_request(open.back(), content) : how->to_value(between_, content));
    asked_.splice(asked_.end(), open);
  } catch (const std::exception& e) {  // from the value: a copy, or an address it holds
    asker from = asks ? std::move(open.back().from) : asker(*element);
    from.refuse(make_error(::caf::sec::runtime_error, std::string(e.what())));
  }
}

// Without a time limit: CAF's caller keeps its own, and an answer or an end always comes.
message_node* host_process::translate_request(question& q, ::caf::type_erased_tuple& content) {
  return q.how->to_request(between_, content, q.slot, troupe::internal::call_header(infinity));
}

void host_process::pass_replies() {
  for (auto q = asked_.begin(); q != asked_.end();) {
    const bool answered = q->slot.node != nullptr;
    if (answered) pass_reply(*q);
    q = answered ? asked_.erase(q) : std::next(q);
  }
}

void host_process::pass_reply(question& q) {
  message reply(troupe::internal::take_reply(q.slot, *q.how->reply));
  if (const auto* failed = reply.get_if<troupe::internal::failed_reply>())
    return q.from.refuse(failure_of(failed->value));
  try {
    q.from.answer(q.how->to_response(between_, reply));
  } catch (const std::exception& e) {  // from the value, as above
    q.from.refuse(make_error(::caf::sec::runtime_error, std::string(e.what())));
  }
}

// An exit_msg, sent or by a link: an exit signal to the process. CAF does not tell the two apart; a
// `kill` ends an actor without asking it in both cases, and so it does here.
void host_process::pass_exit(const ::caf::exit_msg& signal) {
  exit_reason why = reason_of(between_.guests(), signal.reason);
  if (why == exit_reason::killed) why = exit_reason::kill;
  const pid known = between_.known(signal.source);
  troupe::internal::send(target_, troupe::internal::make_node<troupe::internal::exit_sent>(
                                      known ? known : self_.id(), std::move(why), false));
}

// As CAF does: the error goes to the sender, also of what was no request.
void host_process::refuse(asker from, const ::caf::type_erased_tuple& content,
                          const correspondence* how) {
  const std::string to = "process " + to_string(target_);
  const std::string text =
      how == nullptr
          ? between_.untranslated(content, to)
          : fmt::format(
                "troupe::caf: CAF's {} is {}, which names no reply and cannot be asked of "
                "{}: send it, or give the type `using reply = ...`",
                between_.text_of(content), how->name, to);
  if (!from.waits()) return between_.report(between_.text_of(content), text);
  from.refuse(make_error(::caf::sec::unexpected_message, text));
}

}  // namespace

void shown::let_go(::caf::error why) noexcept {
  if (!face) return;
  box->close();
  between->leave(face);
  ::caf::actor_cast<internal::face*>(face)->kill_proxy(nullptr, std::move(why));
  face = nullptr;
}

process host(context self, std::shared_ptr<shown> stay, pid target) {
  host_process me(self, *stay, target);
  co_await me.run();
}

}  // namespace troupe::caf::internal
