#include "face.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/make_actor.hpp>
#include <caf/sec.hpp>

namespace troupe::caf::internal {

asker::asker(::caf::mailbox_element& request)
    : source_(std::move(request.sender)), stages_(std::move(request.stages)), id_(request.mid) {}

asker::~asker() {
  if (waits() && id_.is_request()) refuse(make_error(::caf::sec::request_receiver_down));
}

void asker::answer(::caf::message response) {
  if (!stages_.empty()) {  // the next actor of a chain takes our response as its request
    const auto next = std::move(stages_.back());
    stages_.pop_back();
    ::caf::actor_cast<::caf::abstract_actor*>(next)->enqueue(
        ::caf::make_mailbox_element(std::move(source_), id_, std::move(stages_),
                                    std::move(response)),
        nullptr);
    stages_.clear();
  } else if (const auto source = std::move(source_)) {
    ::caf::actor_cast<::caf::abstract_actor*>(source)->enqueue(nullptr, id_.response_id(),
                                                               std::move(response), nullptr);
  }
}

::caf::actor make_face(::caf::actor_system& guests, std::weak_ptr<joint> owner, pid process,
                       std::shared_ptr<post_box> box) {
  ::caf::actor_config config;
  return ::caf::actor_cast<::caf::actor>(::caf::make_actor<face, ::caf::strong_actor_ptr>(
      guests.next_actor_id(), guests.node(), &guests, config, std::move(owner), process,
      std::move(box)));
}

}  // namespace troupe::caf::internal
