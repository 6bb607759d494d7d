// What makes a specification one that can be carried out.
#include <troupe/dynamic_supervisor.hpp>

#include <fmt/format.h>

#include <set>
#include <stdexcept>

namespace troupe::internal {
namespace {

using std::chrono::nanoseconds;

// Of one child, or of the supervisor itself.
class complaints {
 public:
  explicit complaints(std::string about) : about_(std::move(about)) {}
  void refuse_if(bool wrong, std::string_view field, std::string_view why) const {
    if (wrong) throw std::invalid_argument(fmt::format("troupe: {}: {}: {}", about_, field, why));
  }

 private:
  std::string about_;
};

void check_intensity(const complaints& of, int intensity, nanoseconds period) {
  of.refuse_if(intensity < 0, "intensity", "it must be 0 or more");
  of.refuse_if(period <= nanoseconds::zero(), "period", "it must be more than zero");
}

void check_policy(const complaints& of, auto_shutdown above, const child_policy& child,
                  bool announces) {
  of.refuse_if(child.shutdown < nanoseconds::zero(), "shutdown", "the limit must not be negative");
  of.refuse_if(child.shutdown_given && child.brutal_kill, "shutdown",
               "there is no limit for a child with brutal_kill: leave one of the two out");
  of.refuse_if(child.start_limit <= nanoseconds::zero(), "start_within",
               "the limit must be more than zero");
  of.refuse_if(child.start_limit != infinity && !announces, "start_within",
               "a process function has no init to wait for: make it a server");
  if (child.backoff) {
    const backoff& b = *child.backoff;
    of.refuse_if(b.first <= nanoseconds::zero(), "backoff.first", "it must be more than zero");
    of.refuse_if(!(b.factor >= 1), "backoff.factor", "it must be 1 or more");
    of.refuse_if(b.limit < b.first, "backoff.limit", "it must not be less than backoff.first");
    of.refuse_if(!(b.jitter >= 0 && b.jitter <= 1), "backoff.jitter", "it must be from 0 to 1");
  }
  of.refuse_if(child.significant && child.type == restart_type::permanent, "significant",
               "a permanent child is always restarted: make it transient or temporary");
  of.refuse_if(child.significant && above == auto_shutdown::never, "significant",
               "its supervisor needs .auto_shutdown = any_significant or all_significant");
}

}  // namespace

void check_child(std::string_view supervisor, const strategy& how, const child_record& child) {
  check_policy(complaints(fmt::format("supervisor '{}', child '{}'", supervisor, child.id)),
               how.auto_shutdown, child.policy, child.announces);
}

void check(std::string_view supervisor, const dynamic& how, const template_record& child) {
  const complaints of(fmt::format("supervisor '{}'", supervisor));
  check_intensity(of, how.intensity, how.period);
  of.refuse_if(how.max_children == 0, "max_children", "it must be 1 or more");
  check_policy(of, how.auto_shutdown, child.policy, child.announces);
}

void check(std::string_view supervisor, const strategy& how,
           const std::vector<child_spec>& children) {
  const complaints of(fmt::format("supervisor '{}'", supervisor));
  check_intensity(of, how.intensity, how.period);
  std::set<std::string_view> ids;
  for (const child_spec& spec : children) {
    const std::string& id = spec.record().id;
    of.refuse_if(!ids.insert(id).second, "id", fmt::format("two children have the id '{}'", id));
    check_child(supervisor, how, spec.record());
  }
}

}  // namespace troupe::internal
