#include "cluster/unread_mail.hpp"

#include <algorithm>

namespace troupe::net::internal {

namespace core = troupe::internal;

class unread_mail::mark final : public core::mailbox_mark {
 public:
  mark(std::shared_ptr<unread_mail> in, std::shared_ptr<account> of, std::size_t bytes)
      : in_(std::move(in)), of_(std::move(of)), bytes_(bytes) {}
  ~mark() override { in_->read(of_, bytes_); }

 private:
  const std::shared_ptr<unread_mail> in_;
  const std::shared_ptr<account> of_;
  const std::size_t bytes_;
};

class unread_mail::room_mark final : public core::mailbox_mark {
 public:
  room_mark(std::shared_ptr<unread_mail> in, std::shared_ptr<account> of)
      : in_(std::move(in)), of_(std::move(of)) {}
  ~room_mark() override {
    of_->full.store(false);
    in_->resume_soon(of_);
  }

 private:
  const std::shared_ptr<unread_mail> in_;
  const std::shared_ptr<account> of_;
};

void unread_mail::hold(const destination& to, pid process) {
  account& of = account_of(to);
  if (of.full.exchange(true)) return;  // its mark is there already
  core::reached(home_, "a full mailbox held senders on another node");
  core::mark_until_room(home_, process, std::make_unique<room_mark>(shared_from_this(), latest_));
  if (!of.paused.load(std::memory_order_relaxed)) pause(of);
}

void unread_mail::leave_mark(account& of, pid process) {
  const std::size_t marked = std::exchange(of.unmarked, 0);
  of.unread.fetch_add(marked);
  unread_.fetch_add(marked);
  core::leave_mark(home_, process, std::make_unique<mark>(shared_from_this(), latest_, marked));
  if (of.paused.load(std::memory_order_relaxed) || of.unread.load() <= left()) return;
  core::reached(home_, "a process was sent more than it reads");
  pause(of);
}

std::shared_ptr<unread_mail::account> unread_mail::find_account(const destination& to) {
  if (processes_.size() + names_.size() > to_sweep_) sweep();
  auto& at = to.named() ? names_[to.name()] : processes_[to.id()];
  if (at == nullptr) at = std::make_shared<account>(to);
  return at;
}

// Accounts in which nothing is unread that has a mark.
void unread_mail::sweep() {
  const auto unused = [](const auto& entry) {
    const auto& of = entry.second;
    return of->unread.load() == 0 && !of->paused.load();
  };
  std::erase_if(processes_, unused);
  std::erase_if(names_, unused);
  to_sweep_ = std::max(least_to_sweep, 2 * (processes_.size() + names_.size()));
}

std::size_t unread_mail::left() const noexcept {
  const std::size_t unread = unread_.load();
  return unread < allowed_ ? allowed_ - unread : 0;
}

bool unread_mail::has_read(const account& of) const noexcept {
  if (of.full.load()) return false;
  const std::size_t unread = of.unread.load();
  return unread == 0 || unread <= left() / 2;
}

// All in sequentially consistent order: either this sees that there is nothing unread any more and
// room again, or who takes the last mark sees that it is paused.
void unread_mail::pause(account& of) {
  of.paused.store(true);
  does_.pause(of.to, true);
  resume_if_read(of);
}

void unread_mail::read(const std::shared_ptr<account>& of, std::size_t bytes) noexcept {
  unread_.fetch_sub(bytes);
  of->unread.fetch_sub(bytes);
  resume_soon(of);
}

void unread_mail::resume_soon(const std::shared_ptr<account>& of) noexcept {
  if (of->paused.load() && has_read(*of))
    does_.post([self = shared_from_this(), of] { self->resume_if_read(*of); });
}

void unread_mail::resume_if_read(account& of) {
  if (!open_ || !of.paused.load() || !has_read(of)) return;
  of.paused.store(false);
  does_.pause(of.to, false);
}

}  // namespace troupe::net::internal
