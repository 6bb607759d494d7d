#pragma once
// What the parts of the bank say to each other. Plain aggregates: they cross the network with
// nothing more to write.

#include <troupe/troupe.hpp>

#include <cstdint>
#include <string>

namespace bank {

using cents = std::int64_t;
using transfer_id = std::uint64_t;

/// Where an account is: the name of its process, and its node.
struct account_address {
  std::string name;
  std::string node;
  friend bool operator==(const account_address&, const account_address&) = default;
  operator troupe::destination() const { return {name, node}; }  // NOLINT(*-explicit-*)
};

/// To "teller" on any node. Answered with whether it was accepted: from then on it is settled
/// whatever happens, or dropped if the money is not there.
struct transfer {
  transfer_id id = 0;  // drawn by who orders it; the same one twice is one transfer
  account_address from, to;
  cents amount = 0;
  using reply = bool;
};

// To accounts. Any of them may come more than once: only the first counts.

/// Answered with whether the money of that transfer is out of the account.
struct withdraw {
  transfer_id id = 0;
  cents amount = 0;
  using reply = bool;
};
struct deposit {
  transfer_id id = 0;
  cents amount = 0;
  using reply = void;
};
/// Takes a withdrawal back.
struct give_back {
  transfer_id id = 0;
  using reply = void;
};

}  // namespace bank
