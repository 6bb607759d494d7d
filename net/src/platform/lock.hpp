#pragma once

#include <mutex>
#include <shared_mutex>

namespace troupe::net::platform {

using mutex = std::mutex;
using shared_mutex = std::shared_mutex;

}  // namespace troupe::net::platform
