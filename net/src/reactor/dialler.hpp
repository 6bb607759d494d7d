#pragma once

#include "reactor/reactor.hpp"

namespace troupe::net {

// `transport::dial` over TCP.
[[nodiscard]] std::unique_ptr<pending> start_dial(reactor& host, const endpoint& where,
                                                  std::chrono::nanoseconds limit,
                                                  transport::dial_handler done);

}  // namespace troupe::net
