#include <troupe/groups.hpp>
#include <troupe/process_directory.hpp>

#include "runtime/engine.hpp"

#include <stdexcept>

namespace troupe {
namespace internal {
namespace {

using member = directory_entry<nothing>;

std::vector<pid> processes_of(std::span<const member> members) {
  std::vector<pid> all;
  all.reserve(members.size());
  for (const member& m : members) all.push_back(m.process);
  return all;
}

struct group_events {
  using added = groups::joined;
  using removed = groups::left;
  static constexpr bool together = true;
  template <class Event>
  static message_node* make(monitor_ref ref, const std::string& group,
                            std::span<const member> members) {
    return make_node<Event>(Event{ref, group, processes_of(members)});
  }
};

}  // namespace

class group_scope final : public directory_of<std::string, nothing, group_events> {
 public:
  using directory_of::directory_of;
};

namespace {

void check_local(std::string_view group, pid process) {
  if (process.local() && process) return;
  throw std::invalid_argument(
      fmt::format("troupe: {} cannot join or leave the group {} here: {}", to_string(process),
                  group, process ? "it is of another node, and does so there" : "it is no pid"));
}

std::shared_ptr<group_scope> scope_of(engine& home, std::string_view name) {
  std::shared_ptr<group_scope> made;
  {
    const std::lock_guard lock(home.mutex);
    const auto at = home.scopes.find(name);
    if (at != home.scopes.end()) return at->second;
    made = home.scopes.emplace(name, std::make_shared<group_scope>(home)).first->second;
  }
  // One that is attached only now finds the scope by `scopes_of`, behind the same lock.
  if (distribution* const carrier = home.remote.load(std::memory_order_acquire))
    carrier->share_groups(name);
  return made;
}

group_scope::entries entries_of(const std::vector<pid>& processes) {
  group_scope::entries all;
  all.reserve(processes.size());
  for (const pid p : processes) all.push_back({p, {}});
  return all;
}

}  // namespace

std::vector<std::string> scopes_of(engine& home) {
  const std::lock_guard lock(home.mutex);
  std::vector<std::string> names;
  names.reserve(home.scopes.size());
  for (const auto& [name, scope] : home.scopes) names.push_back(name);
  return names;
}

remote_members::remote_members(troupe::system& home, std::string_view scope)
    : scope_(scope_of(home.home(), scope)) {}

void remote_members::join(std::string_view group, const std::vector<pid>& processes) const {
  scope_->add(std::string(group), entries_of(processes));
}

void remote_members::leave(std::string_view group, const std::vector<pid>& processes) const {
  scope_->remove_once(std::string(group), processes);
}

void remote_members::leave_all(std::uint32_t node) const {
  scope_->remove_all([node](const member& m) { return m.process.node == node; });
}

}  // namespace internal

groups::groups(troupe::system& home, std::string_view scope)
    : home_(&home.home()), scope_(internal::scope_of(*home_, scope)) {
  internal::mention<joined>();
  internal::mention<left>();
}

void groups::join(std::string_view group, const std::vector<pid>& processes) const {
  for (const pid p : processes) internal::check_local(group, p);
  for (const pid p : processes) scope_->meet(p);
  scope_->add(std::string(group), internal::entries_of(processes));
}

bool groups::leave(std::string_view group, const std::vector<pid>& processes) const {
  for (const pid p : processes) internal::check_local(group, p);
  return scope_->remove_once(std::string(group), processes) > 0;
}

std::vector<pid> groups::members(std::string_view group) const {
  return scope_->read(std::string(group), internal::processes_of);
}

std::vector<pid> groups::local_members(std::string_view group) const {
  auto all = members(group);
  std::erase_if(all, [](pid p) { return !p.local(); });
  return all;
}

std::vector<std::string> groups::which_groups() const {
  std::vector<std::string> names;
  scope_->each([&](const std::string& group, const auto&) { names.push_back(group); });
  return names;
}

std::vector<std::string> groups::which_local_groups() const {
  std::vector<std::string> names;
  scope_->each([&](const std::string& group, const auto& members) {
    if (std::ranges::any_of(members, [](const auto& m) { return m.process.local(); }))
      names.push_back(group);
  });
  return names;
}

groups::monitored groups::monitor(const context& self, std::string_view group) const {
  monitored begun;
  begun.ref = scope_->watch(self, std::string(group), [&](const auto& members) {
    begun.members = internal::processes_of(members);
  });
  return begun;
}

groups::monitored_scope groups::monitor_scope(const context& self) const {
  monitored_scope begun;
  begun.ref = scope_->watch_all(self, [&](const std::string& group, const auto& members) {
    begun.groups.emplace(group, internal::processes_of(members));
  });
  return begun;
}

bool groups::demonitor(const context& self, monitor_ref ref) const {
  return scope_->unwatch(self, ref);
}

}  // namespace troupe
