#pragma once

#include <troupe/context.hpp>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

class system;

namespace internal {
class group_scope;
}

/// Groups of processes by name: to reach all who do some work, whoever they are now, on this node
/// and on those that it is connected to. (OTP: pg.)
///
///     troupe::groups groups(system);
///     groups.join("workers", self);                  // or any other process of this system
///     groups.send("workers", reload{});              // to each of them
///     auto [ref, now] = groups.monitor(self, "workers");   // then groups::joined and groups::left
///
/// A group exists while it has members. A member leaves when it ends, before its links and monitors
/// are told. A scope is a set of groups of its own; this is a handle of one, and copies are handles
/// of the same. Not to be used after its system. Any thread; what only looks goes through no
/// process and waits for nobody.
///
/// What changes in one scope is told to all who monitor in one order, in which it happened. It is
/// told before `join` and `leave` return: what the same process sends afterwards comes later.
///
/// Nodes that use a scope of the same name tell each other their own members: all when they
/// connect, then each change, in its order. When a connection is lost, the members beyond it leave;
/// when it stands again, they join. So the views of nodes that are connected become equal, and
/// nobody waits for that: a message may come before its sender is seen to have joined, and a `down`
/// before `left`. Hidden nodes take no part.
class groups {
 public:
  /// What a process that monitors gets; `ref` is the one that `monitor` gave. A process that joined
  /// twice is there twice.
  struct joined {
    monitor_ref ref;
    std::string group;
    std::vector<pid> processes;
  };
  struct left {
    monitor_ref ref;
    std::string group;
    std::vector<pid> processes;
  };
  /// The reference of a monitor, and who was there when it began.
  struct monitored {
    monitor_ref ref;
    std::vector<pid> members;
  };
  struct monitored_scope {
    monitor_ref ref;
    std::map<std::string, std::vector<pid>> groups;
  };

  /// The system's scope of that name, which is the same for all who name it.
  explicit groups(troupe::system& home, std::string_view scope = "pg");

  /// Makes them members: those that have not ended, as often as they are named and joined. Throws
  /// std::invalid_argument for a process of another node, which joins there.
  void join(std::string_view group, pid process) const { join(group, std::vector{process}); }
  void join(std::string_view group, const std::vector<pid>& processes) const;
  /// Each of them leaves once for each time that it is named: who has joined twice is a member
  /// still. False if none of them was a member.
  bool leave(std::string_view group, pid process) const {
    return leave(group, std::vector{process});
  }
  bool leave(std::string_view group, const std::vector<pid>& processes) const;

  /// Who is in the group, on all nodes, in the order in which this node has heard of it; a process
  /// as often as it has joined.
  [[nodiscard]] std::vector<pid> members(std::string_view group) const;
  /// Those of this node.
  [[nodiscard]] std::vector<pid> local_members(std::string_view group) const;
  /// The groups that have members, in no order.
  [[nodiscard]] std::vector<std::string> which_groups() const;
  /// Those that have members on this node.
  [[nodiscard]] std::vector<std::string> which_local_groups() const;

  /// Sends a copy to each member, as often as it has joined. Gives how many.
  template <class T>
  std::size_t send(std::string_view group, const T& value) const {
    const auto all = members(group);
    for (const pid member : all) internal::send_from(*home_, member, internal::to_node(T(value)));
    return all.size();
  }

  /// From now on this process gets `joined` and `left` of that group, until it ends: each change
  /// after the moment whose members are given, and none before.
  monitored monitor(const context& self, std::string_view group) const;
  /// The same for all groups of the scope, those to come included.
  monitored_scope monitor_scope(const context& self) const;
  /// No longer: none of its messages is seen after this. False if there is no such reference.
  bool demonitor(const context& self, monitor_ref ref) const;

 private:
  internal::engine* home_;
  std::shared_ptr<internal::group_scope> scope_;
};

namespace internal {

/// For transports: the members of one scope on other nodes, as those say. Any thread.
class remote_members {
 public:
  remote_members(troupe::system& home, std::string_view scope);
  void join(std::string_view group, const std::vector<pid>& processes) const;
  void leave(std::string_view group, const std::vector<pid>& processes) const;
  /// All of that node leave; it is given as pids give it.
  void leave_all(std::uint32_t node) const;

 private:
  std::shared_ptr<group_scope> scope_;
};

}  // namespace internal
}  // namespace troupe
