#pragma once

#include "disk.hpp"
#include "pay_in.hpp"

namespace bank {

/// Takes orders, and settles each in a process of its own; those that a crash has interrupted from
/// their beginning. Registered as "teller".
class teller : public troupe::server {
 public:
  using handles = troupe::messages<transfer>;

  /// How many transfers it settles at once; more are not accepted.
  static constexpr std::size_t max_under_way = 1000;

  teller(disk* kept, pay_in* second_half);
  bool handle(const transfer& t);

 private:
  disk& disk_;
  pay_in* second_half_;
};

/// Starts the processes of one node: an account for each in its books, and a teller.
troupe::pid open_branch(troupe::system& system, disk& kept, pay_in* second_half);

}  // namespace bank
