#pragma once

#include "bank.hpp"

#include <map>
#include <optional>

namespace bank {

/// An account as it is kept: its entries, at most one of each transfer.
class account_book {
 public:
  explicit account_book(cents opening = 0) : balance_(opening) {}

  [[nodiscard]] cents balance() const noexcept { return balance_; }
  /// What that transfer has changed, if it was here.
  [[nodiscard]] std::optional<cents> entry(transfer_id id) const {
    const auto at = entries_.find(id);
    return at == entries_.end() ? std::nullopt : std::optional(at->second);
  }
  /// Sets the entry of a transfer, in the place of the one that it had.
  void post(transfer_id id, cents change) {
    cents& entry = entries_[id];
    balance_ += change - entry;
    entry = change;
  }

 private:
  cents balance_;
  std::map<transfer_id, cents> entries_;
};

/// What one node keeps when it crashes. A real bank has a database here, as play_counter does; each
/// change is one transaction, which is on the disk when the change returns. It outlives the system.
struct disk {
  std::map<std::string, account_book> accounts;
  std::map<transfer_id, transfer> journal;  // what the teller has accepted and not settled
};

}  // namespace bank
