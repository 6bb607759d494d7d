#pragma once

#include "model/sites.hpp"

#include <string_view>

namespace troupe::model {

// Why an order or a check is stronger than any scenario needs, or null. By the text of the line.
const char* reason_for(std::string_view file, std::string_view code, change what);

}  // namespace troupe::model
