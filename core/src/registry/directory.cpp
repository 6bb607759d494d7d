#include <troupe/process_directory.hpp>

#include "process/own_queue.hpp"

#include <stdexcept>

namespace troupe::internal {

struct directory::locks {
  std::array<platform::shared_mutex, shards + 1> of;
};

// Kept by a process that the directory knows.
class directory::end_notice final : public kept_until_end {
 public:
  end_notice(std::shared_ptr<directory> to, pid process) : to_(std::move(to)), process_(process) {}
  end_notice(const end_notice&) = delete;
  end_notice& operator=(const end_notice&) = delete;
  ~end_notice() override { to_->ended(process_); }

 private:
  std::shared_ptr<directory> to_;
  pid process_;
};

directory::directory(engine& home) : home_(home), locks_(std::make_unique<locks>()) {}
directory::~directory() = default;

directory::locked::locked(const directory& of, std::size_t which, access how)
    : of_(of), which_(which), how_(how) {
  auto& lock = of_.locks_->of[which_];
  if (how_ == access::alone)
    lock.lock();
  else
    lock.lock_shared();
}

directory::locked::~locked() {
  auto& lock = of_.locks_->of[which_];
  if (how_ == access::alone)
    lock.unlock();
  else
    lock.unlock_shared();
}

// The notice first: if the process ends from then on, `ended` comes before or after the last two
// lines. Before: the process is not found any more. After: it is forgotten again.
void directory::meet(pid process) {
  {
    const locked hold(*this, changes, access::shared);
    if (knows(process)) return;
  }
  keep_until_end(home_, process, std::make_unique<end_notice>(shared_from_this(), process));
  const locked hold(*this, changes, access::alone);
  if (home_.table.find(process) != nullptr) known_.insert(process);
}

pid directory::meet(const context& self) {
  const pid process = self;
  if (running.home != &home_)
    throw std::logic_error(
        "troupe: this registry or scope of groups belongs to another system than the process that "
        "uses it: make one for each system");
  meet(process);
  return process;
}

std::unique_ptr<kept_until_end> directory::meet_newborn(pid process) {
  auto notice = std::make_unique<end_notice>(shared_from_this(), process);
  const locked hold(*this, changes, access::alone);
  known_.insert(process);
  return notice;
}

void directory::ended(pid process) noexcept {
  const locked hold(*this, changes, access::alone);
  if (known_.erase(process) > 0) forget(process);
}

engine& home_of(troupe::system& of) noexcept { return of.home(); }

monitor_ref next_ref() { return {next_number(*running.slot)}; }

void drop_events(monitor_ref ref, bool (*is_one)(const message_node&, monitor_ref)) {
  process_slot& slot = *running.slot;
  drain(slot);
  for (message_node** at = &slot.first; *at != nullptr;) {
    if (is_one(**at, ref))
      release(unlink_node(slot, at));
    else
      at = &(*at)->next;
  }
}

}  // namespace troupe::internal
