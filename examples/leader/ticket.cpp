#include "ticket.hpp"

#include <unistd.h>

namespace leader {

ticket_office::ticket_office(troupe::net::directory names, std::string node)
    : names_(std::move(names)), next_{0, 0, std::move(node), ::getpid()} {
  continue_with(begin{});
}

troupe::task<> ticket_office::handle(begin) {
  next_.term = (co_await names_.find(self, office_name)).token;
}

ticket ticket_office::handle(take) {
  ++next_.number;
  return next_;
}

}  // namespace leader
