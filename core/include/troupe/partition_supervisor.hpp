#pragma once

#include <troupe/supervisor.hpp>

#include <concepts>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// A number of copies of one child, and the way from a key to the copy that looks after it: always
/// the same for equal keys, also when that copy is restarted. A value that every process may have.
/// (Elixir: PartitionSupervisor.)
///
///     const troupe::partitions pool("pool", 8);
///     system.supervise(one_for_one{}, {partition_supervisor(pool, child<connection>("c", dsn))});
///     self.send(pool.partition_of(user.id), query{...});
class partitions {
 public:
  /// The copies are registered as `name/0`, `name/1` and so on. Throws std::invalid_argument for no
  /// name or no copies.
  partitions(std::string name, std::size_t count) : name_(std::move(name)) {
    if (name_.empty() || count == 0)
      throw std::invalid_argument("troupe: partitions need a name, and 1 of them or more");
    for (std::size_t i = 0; i < count; ++i) names_.push_back(name_ + '/' + std::to_string(i));
  }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// The names of all, in order.
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  /// The name of the one for this key, which is a destination. Keys that are texts are equal if
  /// their texts are. Made with std::hash: programs on other nodes may find another one.
  template <class Key>
  [[nodiscard]] const std::string& partition_of(const Key& key) const {
    if constexpr (std::convertible_to<const Key&, std::string_view>)
      return at(std::hash<std::string_view>()(key));
    else
      return at(std::hash<Key>()(key));
  }

 private:
  // A hash of an integer may be that integer: a multiplication spreads it.
  [[nodiscard]] const std::string& at(std::size_t hash) const {
    const std::uint64_t spread = std::uint64_t{hash} * 0x9e3779b97f4a7c15u;
    return names_[(spread >> 32) % names_.size()];
  }

  std::string name_;
  std::vector<std::string> names_;
};

/// A child that is a supervisor of copies of `each`, whose own id and name are not used. Its id is
/// the name of the partitions.
[[nodiscard]] inline child_spec partition_supervisor(const partitions& over, const child_spec& each,
                                                     one_for_one how = {}) {
  std::vector<child_spec> copies;
  for (const std::string& name : over.names()) {
    internal::child_record copy = each.record();
    copy.id = copy.name = name;
    copies.emplace_back(std::move(copy));
  }
  return supervisor(over.name(), how, std::move(copies));
}

}  // namespace troupe
