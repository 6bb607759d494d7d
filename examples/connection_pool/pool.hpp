#pragma once

#include "connection.hpp"

#include <troupe/partition_supervisor.hpp>

#include <deque>
#include <map>

namespace pooled {

/// A connection that its owner has for itself until it gives it back or ends.
struct lease {
  troupe::pid connection;
  troupe::monitor_ref number;  // of the pool that gave it
};
/// Gives a connection when one is free. The caller's time limit is how long it waits in line, which
/// is served in order. Fails at once with `pooled::overloaded` if the line is full.
struct checkout {
  using reply = lease;
};
/// Gives it back. `broken`: it failed its owner, and is replaced.
struct checkin {
  troupe::monitor_ref number;
  bool broken = false;
};
struct usage {
  std::size_t idle = 0;
  std::size_t leased = 0;
  std::size_t waiting = 0;
  friend bool operator==(const usage&, const usage&) = default;
};
struct get_usage {
  using reply = usage;
};

struct pool_options {
  std::size_t partitions = 2;
  std::size_t connections = 4;   // of each partition
  std::size_t max_waiting = 16;  // callers in the line of each partition
  troupe::backoff backoff = {.first = std::chrono::milliseconds(50),
                             .limit = std::chrono::seconds(1)};
};

/// Hands out the connections of one partition: those that are in the group of its name.
class pool : public troupe::server {
 public:
  using handles = troupe::messages<checkout, checkin, get_usage, troupe::groups::joined,
                                   troupe::groups::left, troupe::down>;
  pool(const troupe::partitions& all, troupe::groups connections, std::size_t max_waiting);

  void handle(troupe::request<checkout> asked);
  void handle(const checkin& back);
  usage handle(get_usage) { return {idle_.size(), leased_.size(), waiting_.size()}; }
  void handle(const troupe::groups::joined& opened);
  void handle(const troupe::groups::left& failed);
  void handle(const troupe::down& owner);  // without giving its connection back

 private:
  void end_lease(troupe::monitor_ref number);
  void serve();
  void forget_late();

  std::string name_;
  std::size_t max_waiting_;
  std::deque<troupe::pid> idle_;
  std::map<troupe::monitor_ref, troupe::pid> leased_;
  std::deque<troupe::request<checkout>> waiting_;
};

/// Starts the pools and their connections under one tree.
[[nodiscard]] troupe::partitions start_pools(troupe::system& system, connect how,
                                             const pool_options& options = {});

/// Asks over a connection of the key's partition, all within that time. Throws troupe::call_error.
troupe::task<std::string> ask_pool(troupe::context self, const troupe::partitions& pools,
                                   std::string key, std::string text,
                                   std::chrono::nanoseconds limit);

}  // namespace pooled
