#pragma once

#include <troupe/net/directory.hpp>

#include <map>

namespace troupe::net::internal {

// To itself: the lease may have run out.
struct look_at_lease {
  std::string name;
  std::uint64_t token = 0;
};
// To itself: from now on names are given away.
struct begin_giving {};
// To itself: calls may wait here whose callers have given up.
struct forget_callers {};

/// A directory in memory. Leases are counted from when what renews them is handled, which is never
/// before the guard sent it: so none ends here before it has ended there.
class directory_server final : public server {
 public:
  using handles = messages<claim_name, keep_name, release_name, find_name, await_change,
                           look_at_lease, begin_giving, forget_callers>;

  directory_server(const directory_options& options, std::shared_ptr<std::uint64_t> last_token);

  void handle(request<claim_name> asked);
  [[nodiscard]] bool handle(const keep_name& asked);
  void handle(const release_name& asked);
  [[nodiscard]] name_holder handle(const find_name& asked);
  void handle(request<await_change> asked);
  void handle(const look_at_lease& due);
  void handle(begin_giving);
  void handle(forget_callers);

 private:
  struct entry {
    name_holder holder;
    steady_time until;
    timer_ref look;  // at the lease, not before its end
  };
  using table = std::map<std::string, entry, std::less<>>;

  [[nodiscard]] std::string fault_in(std::string_view name, std::chrono::nanoseconds ttl) const;
  [[nodiscard]] entry* current(const std::string& name);
  [[nodiscard]] name_holder holder_of(const std::string& name);
  void enter(const std::string& name, const name_holder& holder, std::chrono::nanoseconds ttl);
  void take_out(table::iterator at);
  [[nodiscard]] bool restore(const keep_name& asked);
  void answer_waiting(const std::string& name);

  const directory_options options_;
  const std::shared_ptr<std::uint64_t> last_token_;  // of all lives in this OS process
  bool gives_ = false;
  table names_;
  std::multimap<std::string, request<await_change>, std::less<>> waiting_;
};

}  // namespace troupe::net::internal
