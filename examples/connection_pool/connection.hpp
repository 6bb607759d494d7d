#pragma once

#include "line.hpp"

#include <troupe/groups.hpp>
#include <troupe/troupe.hpp>

namespace pooled {

struct ask {
  using reply = std::string;
  std::string text;
};
struct open_line {};

/// The process of one connection. Once its line is open it joins the group of its pool; when
/// anything goes wrong with the line it fails, and its supervisor starts it again after a while. It
/// ends with its pool, whose leases nobody knows any more.
class connection : public troupe::server {
 public:
  using handles = troupe::messages<open_line, ask, troupe::down>;
  connection(std::string pool, connect how, troupe::groups all);
  troupe::task<> handle(open_line);
  troupe::task<std::string> handle(ask question);
  void handle(const troupe::down&) { self.exit(troupe::exit_reason::shutdown); }

 private:
  std::string pool_;
  connect connect_;
  troupe::groups groups_;
  std::shared_ptr<line> line_;
};

}  // namespace pooled
