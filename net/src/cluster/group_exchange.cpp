#include "cluster/group_exchange.hpp"

#include "cluster/cluster.hpp"

#include <algorithm>

namespace troupe::net::internal {

namespace {

// A message holds up what is behind it on its connection: large groups go in pieces.
constexpr std::size_t piece_bytes = std::size_t{64} << 10;
constexpr std::size_t bytes_of_a_pid = 16;
constexpr std::size_t bytes_of_a_group = 16;
constexpr std::string_view before_scope = "troupe.groups:";

}  // namespace

std::string group_exchange::name_for(std::string_view scope) {
  return std::string(before_scope) + std::string(scope);
}
bool group_exchange::is_name_of_one(std::string_view name) noexcept {
  return name.starts_with(before_scope);
}

group_exchange::group_exchange(cluster* of, const std::string& scope)
    : cluster_(of),
      name_(name_for(scope)),
      others_(of->system(), scope),
      most_at_once_(std::min<std::size_t>(piece_bytes, of->options().max_message_bytes / 2)) {
  const auto begun = groups(of->system(), scope).monitor_scope(self);
  for (const auto& [group, processes] : begun.groups)
    own_.emplace(group, std::multiset<pid>(processes.begin(), processes.end()));
  cluster_->subscribe(self);
}

// However it ends: what nobody keeps up to date is not kept.
group_exchange::~group_exchange() {
  for (const auto& [node, p] : peers_) others_.leave_all(node);
}

// --- who is up ----------------------------------------------------------------------------------

void group_exchange::handle(const nodeup& up) {
  const auto node = cluster_->index_of({up.node, up.incarnation});
  if (!node) return;
  peers_[*node] = {};
  self.send({name_, up.node}, group_news{group_news::change::discover, self, {}});
}

void group_exchange::handle(const nodedown& down) {
  const auto node = cluster_->index_of({down.node, down.incarnation});
  if (!node) return;
  peers_.erase(*node);
  others_.leave_all(*node);
}

// --- what others tell ---------------------------------------------------------------------------

void group_exchange::handle(group_news news) {
  const auto at = peers_.find(news.from.node);
  if (at == peers_.end()) return;  // not up yet: once it is, this one asks
  peer& sender = at->second;
  for (auto& group : news.groups)
    std::erase_if(group.processes, [&](pid p) { return p.node != news.from.node; });
  switch (news.what) {
    case group_news::change::discover:
      if (sender.told == news.from) return;  // it has asked back
      sender.told = news.from;
      tell_members(news.from);
      // It may be that there was no exchange there when this one asked.
      self.send(news.from, group_news{group_news::change::discover, self, {}});
      return;
    case group_news::change::sync:
      others_.leave_all(news.from.node);
      sender.synced = true;
      return;
    case group_news::change::join:
    case group_news::change::leave:
      if (!sender.synced)
        return troupe::internal::reached(cluster_->home(),
                                         "a change of groups was of an earlier connection");
      for (const auto& group : news.groups)
        if (news.what == group_news::change::join)
          others_.join(group.name, group.processes);
        else
          others_.leave(group.name, group.processes);
      return;
    case group_news::change::unspecified: return;
  }
}

// --- what is told -------------------------------------------------------------------------------

namespace {

class news_in_pieces {
 public:
  news_in_pieces(context self, group_news::change what, std::vector<pid> to, std::size_t most)
      : self_(self), to_(std::move(to)), most_(most), news_{what, self, {}} {}

  template <class Processes>
  void add(const std::string& group, const Processes& processes) {
    for (auto next = processes.begin(); next != processes.end();) {
      if (bytes_ >= most_) send();
      auto& part = news_.groups.emplace_back(group_news::group{group, {}});
      bytes_ += bytes_of_a_group + group.size();
      do {
        part.processes.push_back(*next);
        bytes_ += bytes_of_a_pid;
      } while (++next != processes.end() && bytes_ < most_);
    }
  }
  void send() {
    if (news_.groups.empty()) return;
    for (const pid to : to_) self_.send(to, news_);
    news_.groups.clear();
    bytes_ = 0;
  }

 private:
  context self_;
  std::vector<pid> to_;
  std::size_t most_;
  group_news news_;
  std::size_t bytes_ = 0;
};

std::vector<pid> local_ones(std::vector<pid> processes) {
  std::erase_if(processes, [](pid p) { return !p.local(); });
  return processes;
}

}  // namespace

void group_exchange::handle(const groups::joined& change) {
  const auto processes = local_ones(change.processes);
  if (processes.empty()) return;
  own_[change.group].insert(processes.begin(), processes.end());
  tell_all(group_news::change::join, change.group, processes);
}

void group_exchange::handle(const groups::left& change) {
  const auto processes = local_ones(change.processes);
  if (processes.empty()) return;
  const auto group = own_.find(change.group);
  for (const pid p : processes) group->second.extract(p);
  if (group->second.empty()) own_.erase(group);
  tell_all(group_news::change::leave, change.group, processes);
}

// To all who have asked.
void group_exchange::tell_all(group_news::change what, const std::string& group,
                              const std::vector<pid>& processes) {
  std::vector<pid> to;
  for (const auto& [node, p] : peers_)
    if (p.told) to.push_back(p.told);
  if (to.empty()) return;
  news_in_pieces pieces(self, what, std::move(to), most_at_once_);
  pieces.add(group, processes);
  pieces.send();
}

void group_exchange::tell_members(pid asking) {
  self.send(asking, group_news{group_news::change::sync, self, {}});
  news_in_pieces pieces(self, group_news::change::join, {asking}, most_at_once_);
  for (const auto& [group, processes] : own_) pieces.add(group, processes);
  pieces.send();
}

}  // namespace troupe::net::internal
