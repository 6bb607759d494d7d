#include <troupe/application.hpp>
#include <troupe/supervisor_requests.hpp>

#include "platform/program.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace troupe {
namespace {

using internal::config_table;
using internal::config_value;

// Puts applications into an order in which each comes after what it needs.
class ordering {
 public:
  explicit ordering(const std::vector<application>& all) : all_(all) {
    for (const application& a : all) {
      if (std::ranges::find(names_, a.name()) != names_.end())
        throw boot_error(fmt::format("troupe: the application {} is given twice", a.name()));
      names_.push_back(a.name());
    }
  }
  std::vector<const application*> ordered() {
    for (const application& a : all_) place(a);
    return std::move(placed_);
  }
  [[nodiscard]] const std::vector<std::string_view>& names() const noexcept { return names_; }

 private:
  void place(const application& a) {
    if (std::ranges::find(placed_, &a) != placed_.end()) return;
    const bool is_above = std::ranges::find(path_, a.name()) != path_.end();
    path_.push_back(a.name());
    if (is_above)
      throw boot_error(
          fmt::format("troupe: applications need each other: {}",
                      fmt::join(std::ranges::find(path_, a.name()), path_.end(), " -> ")));
    for (const std::string& need : a.options().needs) {
      const auto at = std::ranges::find(all_, need, &application::name);
      if (at == all_.end())
        throw boot_error(
            fmt::format("troupe: the application {} needs {}, which is not among those given: {}",
                        a.name(), need, fmt::join(names_, ", ")));
      place(*at);
    }
    path_.pop_back();
    placed_.push_back(&a);
  }

  const std::vector<application>& all_;
  std::vector<std::string_view> names_;
  std::vector<std::string_view> path_;  // from the first to the one that is looked at
  std::vector<const application*> placed_;
};

config_table read_configuration(const boot_options& how,
                                const std::vector<std::string_view>& names) {
  config_table made;
  if (!how.config_file.empty()) {
    std::string failure;
    const auto text = internal::read_file(how.config_file, failure);
    if (!text)
      throw config_error(
          fmt::format("{}: cannot read the configuration: {}", how.config_file, failure));
    made = internal::parse_config(*text, how.config_file);
  }
  if (!how.environment_prefix.empty())
    internal::override_config(made, how.environment_prefix, internal::read_environment());
  for (const auto& [name, section] : made)
    if (std::ranges::find(names, name) == names.end())
      internal::refuse_key(section, "the program", name, names);
  return made;
}

// Its end is never undone: what is permanent takes the others with it by auto_shutdown, and what is
// transient by being restarted more often than the tree allows, which is never.
child_spec as_child(const application& a, const child_spec& top) {
  internal::child_record record = top.record();
  record.id = a.name();
  record.policy.type = restart_type::temporary;
  record.policy.significant = a.options().type == restart_type::permanent;
  if (a.options().type == restart_type::transient) record.policy.type = restart_type::transient;
  return child_spec(std::move(record));
}

std::vector<child_spec> specifications(const std::vector<application>& applications,
                                       const boot_options& how) {
  ordering order(applications);
  const auto in_order = order.ordered();
  const config_table configuration = read_configuration(how, order.names());
  const config_value none{config_table{}, how.config_file.empty() ? "options" : how.config_file};
  std::vector<child_spec> all;
  all.reserve(in_order.size());
  for (const application* const a : in_order) {
    const auto section = configuration.find(a->name());
    all.push_back(
        as_child(*a, a->specification(section == configuration.end() ? none : section->second)));
  }
  return all;
}

}  // namespace

supervisor_ref boot(system& in, std::vector<application> applications, const boot_options& how) {
  return in.supervise(one_for_one{.intensity = 0, .auto_shutdown = auto_shutdown::any_significant},
                      specifications(applications, how));
}

std::vector<application_state> which_applications(system& in, supervisor_ref tree) {
  std::vector<application_state> all;
  for (const auto& child : in.call(tree, which_children{}))
    all.push_back({child.id, child.process});
  return all;
}

}  // namespace troupe
