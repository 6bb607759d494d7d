#pragma once

#include "post_box.hpp"

#include <caf/actor_proxy.hpp>
#include <caf/mailbox_element.hpp>

#include <memory>

namespace troupe::caf::internal {

class joint;

// Who asked in CAF: the address of one response. Destroyed unanswered, it tells that the receiver
// is gone. For what was no request it answers as CAF does: as a message of its own, if somebody
// sent it.
class asker {
 public:
  asker() = default;
  explicit asker(::caf::mailbox_element& request);
  asker(asker&& other) noexcept = default;
  asker& operator=(asker&&) = delete;
  ~asker();
  [[nodiscard]] bool waits() const noexcept { return source_ != nullptr || !stages_.empty(); }
  void answer(::caf::message response);
  void refuse(const ::caf::error& why) { answer(::caf::make_message(why)); }

 private:
  ::caf::strong_actor_ptr source_;
  ::caf::mailbox_element::forwarding_stack stages_;
  ::caf::message_id id_;
};

// What arrived at a face, on its way to the process behind it.
class from_caf {
 public:
  explicit from_caf(::caf::mailbox_element_ptr what) : element_(std::move(what)) {}
  from_caf(from_caf&&) noexcept = default;
  from_caf& operator=(from_caf&&) = delete;
  ~from_caf() {
    if (element_ != nullptr && element_->mid.is_request()) const asker bounced(*element_);
  }
  [[nodiscard]] ::caf::mailbox_element_ptr take() noexcept { return std::move(element_); }

 private:
  ::caf::mailbox_element_ptr element_;
};

// What CAF sees of a process of ours: an actor that posts all it gets to that process.
class face final : public ::caf::actor_proxy {
 public:
  face(::caf::actor_config& config, std::weak_ptr<joint> owner, pid process,
       std::shared_ptr<post_box> box)
      : actor_proxy(config), owner_(std::move(owner)), process_(process), box_(std::move(box)) {}
  using actor_proxy::enqueue;
  void enqueue(::caf::mailbox_element_ptr what, ::caf::execution_unit*) override {
    box_->post(from_caf(std::move(what)));
  }
  // The end, as CAF's monitors and links see it.
  void kill_proxy(::caf::execution_unit* host, ::caf::error why) override {
    cleanup(std::move(why), host);
  }
  [[nodiscard]] bool belongs_to(const joint& one) const noexcept {
    return owner_.lock().get() == &one;
  }
  [[nodiscard]] pid process() const noexcept { return process_; }

 private:
  std::weak_ptr<joint> owner_;
  pid process_;
  std::shared_ptr<post_box> box_;
};

[[nodiscard]] ::caf::actor make_face(::caf::actor_system& guests, std::weak_ptr<joint> owner,
                                     pid process, std::shared_ptr<post_box> box);

}  // namespace troupe::caf::internal
