#include "model/sites.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace troupe::model {
namespace {

// "core/src/runtime/mailbox.hpp", or nothing for what is not the product's.
std::string product_file(const std::string& path) {
  for (const char* const room : {"/core/include/", "/core/src/", "/net/src/"})
    if (const auto at = path.rfind(room); at != std::string::npos) return path.substr(at + 1);
  return {};
}

}  // namespace

site_table& sites() {
  static site_table all;
  return all;
}

// The same place has a name of the file in each of the program's object files.
site& site_table::add(entry& into, const std::source_location& where, operation what,
                      std::memory_order order, std::memory_order failure) {
  static std::vector<std::unique_ptr<site>> owned;
  if (owned.size() * 4 > entries_.size()) throw std::length_error("model: too many sites");
  site made{product_file(where.file_name()), where.line(), where.column(), what, order, failure};
  const auto same = [&](const site* s) {
    return !made.file.empty() && s->file == made.file && s->line == made.line &&
           s->column == made.column;
  };
  const auto known = std::find_if(sites_.begin(), sites_.end(), same);
  into = {where.file_name(), where.line(), where.column(), nullptr};
  if (known != sites_.end()) {
    into.of = *known;
  } else {
    owned.push_back(std::make_unique<site>(std::move(made)));
    sites_.push_back(owned.back().get());
    into.of = owned.back().get();
  }
  return *into.of;
}

}  // namespace troupe::model
