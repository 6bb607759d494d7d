#include "joint.hpp"

namespace troupe::caf {

bridge::bridge(::caf::actor_system& guests, troupe::system& home,
               std::vector<internal::correspondence> known)
    : joint_(std::make_shared<internal::joint>(guests, home, std::move(known))) {}

bridge::~bridge() { joint_->close(); }

pid bridge::adopt(const ::caf::actor& actor, std::string_view name) {
  return joint_->adopt(actor, {.name = std::string(name)});
}

pid bridge::adopt_under(const ::caf::actor& actor,
                        std::shared_ptr<const troupe::internal::place> where) {
  return joint_->adopt(actor, {.under = std::move(where)});
}

::caf::actor bridge::handle(pid process) { return joint_->handle(process); }

bridge_counts bridge::counts() const { return joint_->counts(); }

child_spec bridge::child_from(std::string id, internal::actor_source make) const {
  auto start = [joint = joint_, make = std::move(make)](
                   troupe::internal::engine& home,
                   const troupe::internal::launch_options& options) {
    return troupe::internal::launch(home, options, "troupe::caf::guest", internal::guest,
                                    std::make_shared<internal::adopted>(joint, ::caf::actor{}),
                                    make)
        .id;
  };
  return child_spec({.id = std::move(id), .start = std::move(start), .announces = true});
}

}  // namespace troupe::caf
