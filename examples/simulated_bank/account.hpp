#pragma once

#include "disk.hpp"

namespace bank {

/// One account, a process under its own name.
class account : public troupe::server {
 public:
  using handles = troupe::messages<withdraw, deposit, give_back>;
  explicit account(account_book* book) : book_(*book) {}

  bool handle(withdraw m) {
    if (const auto entry = book_.entry(m.id)) return *entry != 0;
    if (book_.balance() < m.amount) return false;
    book_.post(m.id, -m.amount);
    return true;
  }
  void handle(deposit m) {
    if (!book_.entry(m.id)) book_.post(m.id, m.amount);
  }
  void handle(give_back m) { book_.post(m.id, 0); }

 private:
  account_book& book_;
};

}  // namespace bank
