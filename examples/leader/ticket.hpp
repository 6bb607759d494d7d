#pragma once

#include <troupe/net/directory.hpp>
#include <troupe/troupe.hpp>

#include <string>

namespace leader {

/// The name, in the cluster, of the one process that gives tickets.
inline constexpr const char* office_name = "tickets";

/// A ticket that nobody else has, and who gave it.
struct ticket {
  std::uint64_t term = 0;  // the fencing token of who gave it
  std::uint64_t number = 0;
  std::string node;
  int os_process = 0;
};
struct take {
  using reply = ticket;
};
/// To itself.
struct begin {};

/// Gives tickets, and counts them in memory: so it must be the only one in the cluster. One that
/// takes over has a greater term, so all tickets are different and in order.
class ticket_office final : public troupe::server {
 public:
  using handles = troupe::messages<begin, take>;
  ticket_office(troupe::net::directory names, std::string node);
  /// Before the first request.
  troupe::task<> handle(begin);
  ticket handle(take);

 private:
  const troupe::net::directory names_;
  ticket next_;
};

}  // namespace leader
