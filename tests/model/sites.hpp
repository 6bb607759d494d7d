#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

namespace troupe::model {

enum class operation : std::uint8_t { load, store, exchange, compare_exchange, check };

// One change to one place in the code under test, to see whether a scenario notices it.
enum class change : std::uint8_t {
  none,
  weaker,          // the order is `order` instead
  weaker_failure,  // the same for a compare-exchange that fails
  blind,           // a load gives the first value that was ever there
  dropped,         // a store does not happen; a check says that there is nothing
  torn,            // a read-modify-write is a load and then a store
};

// A place in the code where an atomic operation, or a check of several, is.
struct site {
  std::string file;  // of the product, from the root of the source; empty if it is elsewhere
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  operation what = operation::load;
  std::memory_order order = std::memory_order_seq_cst;
  std::memory_order failure = std::memory_order_seq_cst;
  bool visited = false;  // since the flag was last cleared
  change changed = change::none;
  std::memory_order changed_to = std::memory_order_seq_cst;
};

// All sites that were reached in this program. Found by their place in the source, which every
// modelled operation takes as a default argument, so that the code under test need not know.
class site_table {
 public:
  site& at(const std::source_location& where, operation what, std::memory_order order,
           std::memory_order failure = std::memory_order_relaxed) {
    const auto key = reinterpret_cast<std::uintptr_t>(where.file_name()) * 31 +
                     where.line() * std::uintptr_t{4099} + where.column();
    for (std::size_t i = key;; ++i) {
      entry& e = entries_[i % entries_.size()];
      if (e.file == where.file_name() && e.line == where.line() && e.column == where.column())
        return *e.of;
      if (e.file == nullptr) return add(e, where, what, order, failure);
    }
  }
  // By address for the whole run of the program.
  [[nodiscard]] const std::vector<site*>& all() const noexcept { return sites_; }

 private:
  struct entry {
    const char* file = nullptr;
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    site* of = nullptr;
  };
  site& add(entry& into, const std::source_location& where, operation what, std::memory_order order,
            std::memory_order failure);

  std::array<entry, 4096> entries_;
  std::vector<site*> sites_;
};

site_table& sites();

}  // namespace troupe::model
