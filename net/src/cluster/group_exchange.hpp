#pragma once
// Process groups over connected nodes. (OTP: the process of a scope in pg.)

#include <troupe/groups.hpp>
#include <troupe/net/node.hpp>

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::net::internal {

class cluster;

/// What exchanges of two nodes tell each other; PROTOCOL.md section 10.
struct group_news {
  static constexpr std::string_view type_name = "troupe.groups";
  enum class change : std::uint8_t {
    unspecified,
    discover,  // who asks wants to know the members there, and each change from then on
    sync,      // the members that follow are all there are
    join,
    leave,
  };
  struct group {
    std::string name;
    std::vector<pid> processes;
  };
  change what = change::unspecified;
  pid from;  // the exchange
  std::vector<group> groups;
};

/// Tells the exchanges of the same scope on other nodes who of this node joins and leaves, and
/// enters here what they tell. A node's members are told by that node only, on one connection in
/// one order, so nobody needs to agree on anything.
///
/// Of each node that is up it keeps whom it tells and whether it has been told: both begin anew
/// with each connection, because only what was sent on one has arrived without gaps. A message that
/// waited for an earlier connection may come first on the next; before a `sync` nothing counts.
///
/// When it ends, what it has entered goes; its supervisor starts it again, and it asks all anew.
class group_exchange final : public server {
 public:
  using handles = messages<nodeup, nodedown, groups::joined, groups::left, group_news>;

  group_exchange(cluster* of, const std::string& scope);
  ~group_exchange() override;

  void handle(const nodeup& up);
  void handle(const nodedown& down);
  void handle(const groups::joined& change);
  void handle(const groups::left& change);
  void handle(group_news news);

  /// Under which an exchange is registered.
  [[nodiscard]] static std::string name_for(std::string_view scope);
  [[nodiscard]] static bool is_name_of_one(std::string_view name) noexcept;

 private:
  struct peer {
    pid told;             // the exchange there that has asked, and is told all changes
    bool synced = false;  // its members are entered here, and its changes count
  };
  void tell_all(group_news::change what, const std::string& group,
                const std::vector<pid>& processes);
  void tell_members(pid asking);

  cluster* const cluster_;
  const std::string name_;
  const troupe::internal::remote_members others_;
  std::map<std::string, std::multiset<pid>> own_;  // members here, as far as they have been told
  std::map<std::uint32_t, peer> peers_;            // by node
  const std::size_t most_at_once_;                 // bytes of a message, about
};

}  // namespace troupe::net::internal
