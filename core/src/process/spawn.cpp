#include <troupe/spawn.hpp>

#include "process/relations.hpp"
#include "runtime/workplace.hpp"

#include <stdexcept>

namespace troupe {

name_taken::name_taken(std::string_view name, pid holder)
    : std::logic_error(fmt::format("troupe: the name {} is taken by {}", name, to_string(holder))),
      holder_(holder) {}

namespace internal {
namespace {

bool on_worker_of(engine& home) noexcept { return running.at != nullptr && running.home == &home; }

// The process that spawns, if one does.
process_slot* spawner(engine& home) noexcept { return on_worker_of(home) ? running.slot : nullptr; }

void tie_to_parent(process_slot& parent, process_slot& child, bool link, monitor_ref ref) {
  const pid up = id_of(parent);
  const pid down = id_of(child);
  if (link) {
    ties_of(parent).links.try_emplace(down);
    ties_of(child).links.try_emplace(up);
    count(&tally::links, 2);
  }
  if (ref) {
    ties_of(parent).monitors.emplace(ref, destination(down));
    ties_of(child).watchers.emplace(up, ref);
    count(&tally::monitors, 1);
  }
}

// The process does not run yet, but it has a mailbox for the answer.
void set_monitor(engine& home, process_slot& slot, pid target) {
  const monitor_ref ref{next_number(slot)};
  ties_of(slot).monitors.emplace(ref, destination(target));
  count(home, &tally::monitors, 1);
  home.deliver(target, make_node<monitor_sent>(home.table.id_of(slot), ref));
}

using descendants = relations::descendants;

// A process that counts for a quota, and for those of the ancestors above it, while this exists.
class counted_in final : public kept_until_end {
 public:
  // Throws if one of them is spent.
  explicit counted_in(std::shared_ptr<descendants> quota) : quota_(std::move(quota)) {
    for (descendants* q = quota_.get(); q != nullptr; q = q->above.get()) {
      if (q->alive.fetch_add(1, std::memory_order_relaxed) < q->limit) continue;
      leave(q->above.get());
      throw std::runtime_error(fmt::format(
          "troupe: {} and those that descend from it have {} processes, which is all they may "
          "(spawn_options::max_descendants)",
          to_string(q->of), q->limit));
    }
  }
  ~counted_in() override { leave(nullptr); }

 private:
  void leave(const descendants* end) noexcept {
    for (descendants* q = quota_.get(); q != end; q = q->above.get())
      q->alive.fetch_sub(1, std::memory_order_relaxed);
  }
  std::shared_ptr<descendants> quota_;
};

}  // namespace

newborn::newborn(engine& home)
    : home_(home),
      slot_(on_worker_of(home) ? &home.table.take(running.at->slots) : &home.table.take_outside()) {
  slot_->traps_exits = slot_->announces = slot_->urgent = false;
  slot_->suspended = slot_->followed = false;
  slot_->ending = slot_->yielded = slot_->held = false;
  slot_->what = nullptr;
  slot_->leaf = nullptr;
  slot_->first = nullptr;
  slot_->last = &slot_->first;
  slot_->next();  // from here on it has a pid; its mailbox opens when its body is there
}

newborn::~newborn() {
  if (slot_ == nullptr) return;
  slot_->next();
  if (on_worker_of(home_))
    home_.table.put(*slot_, running.at->slots);
  else
    home_.table.put_shared(*slot_);
}

// Whoever finds the process by a name can send to it, so the mailbox opens first.
void newborn::take_names(pid self, const launch_options& options) {
  process_slot& slot = *slot_;
  slot.mail.open(self.generation());
  try {
    if (!options.name.empty()) {
      if (const pid holder = home_.names.add(options.name, self))
        throw name_taken(options.name, holder);
      ties_of(slot).names.push_back(options.name);
    }
    if (options.under != nullptr) {
      auto& kept = ties_of(slot).kept;
      kept.push_back(options.under->enter(self));
    }
  } catch (...) {
    const std::unique_ptr<relations> ties(std::exchange(slot.ties, nullptr));
    if (ties != nullptr) drop_names(home_, *ties, self);
    // Sent by who found the first of two names, or by a system that is stopping.
    bounce_all(home_, self, slot.mail.close(self.generation() + 1), exit_reason::noproc);
    throw;
  }
}

monitored newborn::start(body& what, const launch_options& options) {
  process_slot& slot = *slot_;
  const bool bounded = options.mailbox.any() || home_.budget.any();
  if (bounded) slot.mark_bounded();
  const pid self = home_.table.id_of(slot);
  if (bounded) home_.table.bound_of(self).open(options.mailbox, home_.budget);
  process_slot* const parent = spawner(home_);
  const bool named = !options.name.empty() || options.under != nullptr;
  const std::shared_ptr<descendants> quota =
      parent == nullptr || parent->ties == nullptr ? nullptr : parent->ties->quota;
  std::unique_ptr<counted_in> counted;
  try {
    if (quota != nullptr) counted = std::make_unique<counted_in>(quota);
    if (parent == nullptr) std::atomic_thread_fence(std::memory_order_seq_cst);  // see end_all
    if (parent == nullptr && home_.closing.load(std::memory_order_relaxed))
      throw std::runtime_error("troupe: the system is stopping and starts no more processes");
    if (parent == nullptr && (options.link || options.monitor))
      throw std::invalid_argument(
          "troupe: a link or monitor ties a new process to the one that spawns it; from outside "
          "there is none: spawn it inside system.run(...)");
    if (named) take_names(self, options);
  } catch (...) {
    what.destroy();
    throw;
  }
  if (quota != nullptr) {
    ties_of(slot).quota = quota;
    ties_of(slot).kept.push_back(std::move(counted));
  }
  if (options.max_descendants != 0)
    ties_of(slot).quota.reset(new descendants{options.max_descendants, self, quota});
  monitored made{self, {}};
  if (parent != nullptr) {
    what.parent_id = id_of(*parent).id;
    if (options.monitor) made.ref = {next_number(*parent)};
    tie_to_parent(*parent, slot, options.link, made.ref);
  }
  if (options.link_to) {
    ties_of(slot).links.try_emplace(options.link_to);
    count(home_, &tally::links, 1);
  }
  if (options.wakes != nullptr) ties_of(slot).waited_for.emplace(*options.wakes);
  slot.what = &what;
  if (home_.watch != nullptr)
    home_.watch->spawned(self, what.parent(),
                         options.name.empty() ? what.behaviour() : std::string_view(options.name));
  slot.announces = options.announce;
  slot.traps_exits = options.traps_exits;
  slot.urgent = options.priority == priority::high;
  count(home_, &tally::processes, 1);
  if (!named) slot.mail.open(self.generation());
  if (options.monitors) set_monitor(home_, slot, options.monitors);
  slot_ = nullptr;
  home_.schedule(slot);
  return made;
}

}  // namespace internal
}  // namespace troupe
