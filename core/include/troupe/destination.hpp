#pragma once

#include <troupe/pid.hpp>

#include <concepts>
#include <string>
#include <string_view>

namespace troupe {

/// Where a message goes: a pid, a registered name here, or a name on another node:
/// `self.send({"accounts", "bank@10.0.0.2:7400"}, deposit{10})`.
class destination {
 public:
  template <std::convertible_to<pid> P>
  destination(const P& to) : pid_(to) {}  // NOLINT(*-explicit-*): a pid is a destination
  template <std::convertible_to<std::string_view> S>
  destination(const S& name)
      : name_(std::string_view(name)) {}  // NOLINT(*-explicit-*): so is a name
  destination(std::string_view name, std::string_view node) : name_(name), node_(node) {}

  /// The pid, or none if this is a name.
  [[nodiscard]] pid id() const noexcept { return pid_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// The node on which the name is looked up; empty is this node.
  [[nodiscard]] const std::string& node() const noexcept { return node_; }
  [[nodiscard]] bool named() const noexcept { return !name_.empty(); }

 private:
  pid pid_;
  std::string name_;
  std::string node_;
};

/// `<0.7.1>`, `accounts`, or `accounts on bank@10.0.0.2:7400`.
[[nodiscard]] std::string to_string(const destination& to);

}  // namespace troupe
