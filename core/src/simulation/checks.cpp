#include "simulation/checks.hpp"

#include "process/relations.hpp"

#include <fmt/format.h>

namespace troupe::sim::internal {

using troupe::internal::exit_sent;
using troupe::internal::process_slot;
using troupe::internal::relations;

namespace {

std::string_view name_of(const message_node& node) {
  return node.type->value == nullptr ? std::string_view("signal") : node.type->value->name;
}

bool is_active(const engine& home, pid holder, pid peer) {
  const process_slot* const slot = home.table.find(holder);
  if (slot == nullptr || slot->ties == nullptr) return false;
  const auto at = slot->ties->links.find(peer);
  return at != slot->ties->links.end() && at->second.active;
}

std::string check_links(const engine& home, pid self, const relations& ties) {
  for (const auto& [peer, link] : ties.links) {
    if (!link.active || !peer.local()) continue;
    if (home.table.find(peer) == nullptr)
      return fmt::format("an exit signal is lost: {} is linked to {}, which has ended",
                         to_string(self), to_string(peer));
    if (!is_active(home, peer, self))
      return fmt::format("the ends of a link disagree: {} is linked to {}, but not the other way",
                         to_string(self), to_string(peer));
  }
  return {};
}

std::string check_monitors(const engine& home, pid self, const relations& ties) {
  for (const auto& [ref, target] : ties.monitors)
    if (!target.named() && target.id().local() && home.table.find(target.id()) == nullptr)
      return fmt::format("a down is lost: {} monitors {}, which has ended", to_string(self),
                         to_string(target.id()));
  for (const auto& [watcher, ref] : ties.watchers) {
    if (!watcher.local()) continue;
    const process_slot* const slot = home.table.find(watcher);
    if (slot == nullptr || slot->ties == nullptr || !slot->ties->monitors.contains(ref))
      return fmt::format(
          "a monitor is forgotten: {} knows that {} monitors it, but not the other "
          "way",
          to_string(self), to_string(watcher));
  }
  return {};
}

}  // namespace

// No pid is given twice.
std::string checks::spawned(pid process) {
  std::uint32_t& last = generations_[process.slot()];
  const std::uint32_t number = process.generation() & ~process_slot::bounded_mark;
  if (number <= last)
    return fmt::format("a pid means two processes: {} is given again", to_string(process));
  last = number;
  return {};
}

// Each call ends once.
std::string checks::answered(pid caller, const message_node& node) {
  const auto ref = static_cast<const troupe::internal::reply_header*>(node.payload())->ref;
  std::set<std::uint64_t>& known = answered_[caller];
  const bool first = known.insert(ref).second;
  if (known.size() > answers_known) known.erase(known.begin());
  return first ? std::string() : fmt::format("a call of {} is answered twice", to_string(caller));
}

std::string checks::sent(pid from, pid to, const message_node& node) {
  if (node.type->kind == message_kind::reply)
    if (std::string broken = answered(to, node); !broken.empty()) return broken;
  if (!from) {  // from outside, or another node: it has no pair here
    travelling_[&node] = {from, to, 0};
    return {};
  }
  pair_state& pair = pairs_[to][from];
  travelling_[&node] = {from, to, ++pair.sent};
  if (node.type == &message_type_of<exit_sent>) {
    const auto& exit = *static_cast<const exit_sent*>(node.payload());
    // A link that meets a process at its end is answered with noproc, which does not count.
    if (exit.linked && exit.from == from && exit.reason != exit_reason::noproc &&
        ++pair.linked_exits > 1)
      return fmt::format("{} tells {} of its end twice through one link", to_string(from),
                         to_string(to));
  }
  return {};
}

std::string checks::dropped(const message_node& node) {
  if (travelling_.erase(&node) == 0)
    return fmt::format("a {} is dropped that was never sent", name_of(node));
  return {};
}

std::string checks::received(pid by, const message_node& node) {
  const auto at = travelling_.find(&node);
  if (at == travelling_.end())
    return fmt::format("{} receives a {} that was never sent", to_string(by), name_of(node));
  const travelling sent = at->second;
  travelling_.erase(at);
  if (sent.to != by)
    return fmt::format("a {} for {} reaches {}", name_of(node), to_string(sent.to), to_string(by));
  if (!sent.from) return {};
  pair_state& pair = pairs_[sent.to][sent.from];
  if (sent.number != pair.received + 1)
    return fmt::format(
        "the order of signals is broken: {} receives the {} that {} sent as number "
        "{} after number {}",
        to_string(by), name_of(node), to_string(sent.from), sent.number, pair.received);
  pair.received = sent.number;
  return {};
}

// Everything that others can see of a process is gone before they are told that it is.
std::string checks::ended(pid process) {
  pairs_.erase(process);
  answered_.erase(process);
  const relations* const ties = troupe::internal::running.slot->ties;
  if (ties == nullptr) return {};
  std::string has;
  if (!ties->names.empty())
    has = "the name " + ties->names.front();
  else if (!ties->timers.empty())
    has = "timers";
  else if (!ties->kept.empty())
    has = "a place in a registry or group";
  return has.empty() ? has : fmt::format("{} has ended and still has {}", to_string(process), has);
}

std::string checks::at_rest(engine& home) const {
  std::string broken;
  home.table.each([&](pid p) {
    const process_slot* const slot = home.table.find(p);
    if (!broken.empty() || slot == nullptr || slot->ties == nullptr || slot->what == nullptr)
      return;
    broken = check_links(home, p, *slot->ties);
    if (broken.empty()) broken = check_monitors(home, p, *slot->ties);
    for (const std::string& name : slot->ties->names)
      if (broken.empty() && home.names.find(name) != p)
        broken = fmt::format("{} holds the name {}, which the registry gives to {}", to_string(p),
                             name, to_string(home.names.find(name)));
  });
  return broken;
}

std::string checks::at_end() const {
  if (travelling_.empty()) return {};
  return fmt::format("{} signals were sent and neither received nor dropped", travelling_.size());
}

}  // namespace troupe::sim::internal
