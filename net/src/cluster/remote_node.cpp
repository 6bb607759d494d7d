#include "cluster/remote_node.hpp"

#include "cluster/cluster.hpp"
#include "cluster/footprint.hpp"
#include "cluster/group_exchange.hpp"
#include "cluster/session.hpp"

#include <algorithm>

namespace troupe::net::internal {

namespace core = troupe::internal;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::nanoseconds first_pause = 100ms;
constexpr std::chrono::nanoseconds longest_pause = 5s;

// What only makes sense on the connection that it belongs to opens no new one.
bool needs_connection(message& what) {
  if (what.type().kind == message_kind::reply) return false;
  if (what.get_if<group_news>() != nullptr) return false;
  if (what.type().kind != message_kind::signal) return true;
  if (what.get_if<core::link_sent>() != nullptr || what.get_if<core::monitor_sent>() != nullptr)
    return true;
  const auto* exit = what.get_if<core::exit_sent>();
  return exit != nullptr && !exit->linked;
}

// What nodes say to each other in messages must not get lost by flow control.
bool may_be_refused(message& what) {
  return what.get_if<group_news>() == nullptr && what.get_if<request<connect_order>>() == nullptr;
}

bool links_or_unlinks(message& what) {
  return what.get_if<core::link_sent>() != nullptr || what.get_if<core::unlink_sent>() != nullptr;
}

exit_reason no_connection(const std::string& why) {
  return exit_reason::from_parts(exit_reason::kind::noconnection, {}, why, {});
}

// Who speaks: in a signal it says so itself, of all else it is the process that runs.
pid sender_of(pid running, message& what) {
  if (what.type().kind != message_kind::signal) return running;
  if (const auto* exit = what.get_if<core::exit_sent>()) return exit->from;
  if (const auto* down = what.get_if<core::down_sent>()) return down->what.from;
  return running;
}

}  // namespace

remote_node::remote_node(cluster& owner, node_name name)
    : cluster_(owner),
      name_(std::move(name)),
      outbox_(owner.home(), owner.bounds(),
              {.busy_bytes = owner.options().busy_bytes,
               .max_messages = owner.options().max_queued_messages,
               .max_bytes = owner.options().max_queued_bytes}),
      started_(std::make_shared<started_count>(owner.options().quota.processes)) {}

remote_node::~remote_node() {
  outgoing* list = queue_.take_all();
  while (list != nullptr) delete std::exchange(list, list->next);
}

// --- any thread ---------------------------------------------------------------------------------

remote_node::outgoing::outgoing(pid sender, destination target, message content)
    : from(sender_of(sender, content)),
      to(std::move(target)),
      what(std::move(content)),
      bytes(sizeof(outgoing) + footprint(what)) {}

void remote_node::come() noexcept {
  cluster_.post([self = shared_from_this()] { self->flush(); });
}

void remote_node::enqueue(std::unique_ptr<outgoing> item) noexcept {
  // What was put out waits, too.
  const auto& most = cluster_.options();
  const auto left = [](std::size_t all, std::size_t used) { return all - std::min(all, used); };
  if (queue_.push(item.release(), {left(most.max_queued_messages, outbox_.messages()),
                                   left(most.max_queued_bytes, outbox_.bytes())}))
    come();
}

// The short way, of one plain message to a process of the node that is connected. Whoever has sent
// something that still waits for the executor stays behind it.
bool remote_node::put_out(pid from, const destination& to, message& what) noexcept {
  if (to.named() || what.type().kind != message_kind::value || !queue_.empty()) return false;
  const auto done = outbox_.put(from, to.id(), what);
  if (done == outbox::result::first) come();
  return done != outbox::result::refused;
}

void remote_node::push(pid from, const destination& to, message what) noexcept {
  enqueue(std::make_unique<outgoing>(from, to, std::move(what)));
}

bool remote_node::send(pid from, const destination& to, message what) noexcept {
  const bool paused = is_paused(to);
  if (!paused && put_out(from, to, what)) return true;
  auto item = std::make_unique<outgoing>(from, to, std::move(what));
  if (paused || outbox_.bytes() + queue_.bytes() > cluster_.options().busy_bytes) [[unlikely]] {
    const bool may_refuse = may_be_refused(item->what);
    if (may_refuse && cluster_.options().when_busy == overflow::refuse)
      return refuse(to, std::move(item->what));
    // A thread cannot be held. It may fill the queue here, but not the other node's memory.
    if (may_refuse && paused && !from) return refuse(to, std::move(item->what));
    // Who calls waits for its answer anyhow, and for no longer than it has said.
    if (item->what.type().kind == message_kind::value)
      item->held = core::hold_sender(cluster_.home());
  }
  enqueue(std::move(item));
  return true;
}

bool remote_node::is_paused(const destination& to) const {
  const std::uint64_t bits = paused_bits_.load(std::memory_order_relaxed);
  if (bits == 0 || (bits & bit_of(to)) == 0) [[likely]]
    return false;
  const std::shared_lock lock(mutex_);
  return paused_.contains(key_of(to));
}

std::uint64_t remote_node::bit_of(const destination& to) noexcept {
  const std::size_t hash =
      to.named() ? std::hash<std::string>{}(to.name()) : std::hash<pid>{}(to.id());
  return std::uint64_t{1} << (hash >> 58);
}

bool remote_node::refuse(const destination& to, message what) const noexcept {
  cluster_.warn("a " + std::string(what.name()) + " to " + to_string(to) + " on " + name() +
                " is refused: it does not take what it was sent (node_options::when_busy)");
  core::bounce(cluster_.home(), to, std::move(what),
               exit_reason::error("troupe::node_busy",
                                  "more was sent to " + name() +
                                      " than it takes (node_options::busy_bytes, unread_bytes)"));
  return false;
}

// --- the executor -------------------------------------------------------------------------------

void remote_node::take_pushed() {
  for (outgoing* item = queue_.take_all(); item != nullptr; item = item->next) {
    waiting_.emplace_back(item);
    if (item->held) keep_held(*item);
  }
}

// What was pushed is known to be held here, where room is made: so nobody is let go too early, and
// nobody is forgotten.
void remote_node::keep_held(const outgoing& item) {
  const auto at = paused_.find(key_of(item.to));
  (at == paused_.end() ? held_ : at->second.held).push_back(item.from);
}

void remote_node::let_go(std::vector<pid> held) {
  for (const pid p : held) core::let_go(cluster_.home(), p);
}

bool remote_node::has_room() const noexcept {
  return outbox_.bytes() + queue_.bytes() <= cluster_.options().busy_bytes / 2;
}

void remote_node::flush() {
  take_pushed();
  send_or_dial();
  if (!has_room()) return;
  let_go(std::exchange(held_, {}));
  let_go(outbox_.take_held());
}

void remote_node::send_or_dial() {
  if (queue_.take_overflow()) {
    core::reached(cluster_.home(), "more waited for a node than may");
    const std::string why =
        "more waits for it than node_options::max_queued_messages or max_queued_bytes allow";
    if (session_ != nullptr) session_->fail(why);
    return give_up(why);
  }
  if (session_ != nullptr) return send_waiting();
  if (waiting_.empty()) return;
  if (!cluster_.open()) return give_up("this node is stopping");
  if (dialling_) return;
  const bool wanted = std::any_of(waiting_.begin(), waiting_.end(),
                                  [](const auto& item) { return needs_connection(item->what); });
  if (!wanted) return give_up("not connected");
  const bool asked = std::any_of(waiting_.begin(), waiting_.end(), [](const auto& item) {
    return item->what.template get_if<request<connect_order>>() != nullptr;
  });
  if (!asked && cluster_.bytes().now() < no_dial_before_) return give_up(last_failure_);
  dial();
}

void remote_node::send_waiting() {
  const auto session = session_;
  outgoing_queue::departures gone(queue_);
  take_fragmented(gone);
  send_ready();
  while (!waiting_.empty() && session->has_room() && session_ == session) send_next(gone);
  session->flush();
}

// What was put out is older than what waits.
void remote_node::send_ready() {
  while (session_->has_room() && outbox_.take(ready_)) session_->send_ready(ready_);
}

void remote_node::send_next(outgoing_queue::departures& gone) {
  auto item = std::move(waiting_.front());
  waiting_.pop_front();
  if (lanes_.closed(item->from, item->to)) {
    lanes_.close(item->from, item->to);
    stuck_.push_back(std::move(item));
    return;
  }
  gone.add(*item);
  if (item->what.type().kind != message_kind::value) gone.count_out();  // its sender may hear of it
  if (auto* order = item->what.get_if<request<connect_order>>()) {
    order->reply();
  } else if (is_stale(item->to)) {
    core::bounce(cluster_.home(), item->to, std::move(item->what), exit_reason::noproc);
  } else {
    send_through(std::move(item), gone);
  }
}

void remote_node::send_through(std::unique_ptr<outgoing> item, outgoing_queue::departures& gone) {
  if (session_->starts_numbers_anew()) {
    outbox_.forget_types();  // first: nobody puts the old numbers behind the new ones
    while (outbox_.take(ready_)) session_->send_ready(ready_);
  }
  const message_type& type = item->what.type();
  const auto fragmented = session_->send(item->to, std::move(item->what));
  if (fragmented) {
    gone.take_back(*item);
    lanes_.close(item->from, item->to);
    fragmented_.emplace(*fragmented, std::move(item));
  }
  if (session_ == nullptr || type.kind != message_kind::value) return;
  if (const auto number = session_->number_of(type.value->name))
    outbox_.learn(*type.value, *number);
}

// What is whole now opens its lane: what waits for lanes is looked at again, before all else.
void remote_node::take_fragmented(outgoing_queue::departures& gone) {
  const auto whole = session_->take_fragmented();
  if (whole.empty()) return;
  for (const std::uint32_t number : whole) {
    const auto at = fragmented_.find(number);
    if (at == fragmented_.end()) continue;
    gone.add(*at->second);
    fragmented_.erase(at);
  }
  lanes_.open_all();
  for (const auto& [number, item] : fragmented_) lanes_.close(item->from, item->to);
  unstick();
}

void remote_node::unstick() {
  waiting_.insert(waiting_.begin(), std::make_move_iterator(stuck_.begin()),
                  std::make_move_iterator(stuck_.end()));
  stuck_.clear();
}

// A pid of another incarnation than the one that is connected: that process is dead.
bool remote_node::is_stale(const destination& to) const {
  return !to.named() && to.id().node != session_->index();
}

void remote_node::give_up(const std::string& why) {
  take_pushed();
  unstick();
  bounce_all(std::exchange(waiting_, {}), why);
  let_go(std::exchange(held_, {}));
}

void remote_node::bounce_all(items lost, const std::string& why) {
  outgoing_queue::departures gone(queue_);
  for (auto& item : lost) gone.add(*item);
  gone.count_out();
  for (auto& item : lost)
    core::bounce(cluster_.home(), item->to, std::move(item->what), no_connection(why));
}

bool remote_node::pause(const destination& to, bool pause) {
  std::vector<pid> held;
  {
    const std::unique_lock lock(mutex_);
    const auto key = key_of(to);
    if (pause && !paused_.contains(key) && paused_.size() == max_paused) return false;
    if (pause)
      paused_.try_emplace(key, paused_target{.bit = bit_of(to)});
    else if (const auto at = paused_.extract(key))
      held = std::move(at.mapped().held);
    std::uint64_t bits = 0;
    for (const auto& entry : paused_) bits |= entry.second.bit;
    paused_bits_.store(bits, std::memory_order_relaxed);
  }
  let_go(std::move(held));
  return true;
}

// What belonged to the connection: what was not sent whole is lost, and links; what else waited
// goes out on the next one; nobody is paused.
void remote_node::drop_session(const std::string& why) {
  outgoing_queue::departures gone(queue_);
  for (const auto& [number, item] : fragmented_) gone.add(*item);
  fragmented_.clear();
  lanes_.open_all();
  unstick();
  lose_links(why);
  let_go(outbox_.close());
  decltype(paused_) paused;
  {
    const std::unique_lock lock(mutex_);
    paused.swap(paused_);
    paused_bits_.store(0, std::memory_order_relaxed);
  }
  for (auto& [to, target] : paused) let_go(std::move(target.held));
}

// Links and unlinks are of one connection. Of what it has brought, a process may still have to read
// what takes its link down, at this end alone; and an unlink whose link is lost may meet a newer
// one of the peer. Who links from now on knows of the end (connection_end).
void remote_node::lose_links(const std::string& why) {
  take_pushed();
  items lost;
  for (auto& item : std::exchange(waiting_, {}))
    (links_or_unlinks(item->what) ? lost : waiting_).push_back(std::move(item));
  bounce_all(std::move(lost), why);
}

// --- sessions -----------------------------------------------------------------------------------

void remote_node::dial() {
  dialling_ = true;
  const endpoint where{std::string(name_.host()), name_.port()};
  dial_ =
      cluster_.bytes().dial(where, cluster_.options().setup_time,
                            [self = shared_from_this()](io_result<std::unique_ptr<stream>> got) {
                              if (!got) return self->dial_failed(got.error().text);
                              self->attempt_ = self->cluster_.add_session(std::move(*got), self);
                            });
}

void remote_node::not_joined(const session& over, const std::string& why) {
  if (attempt_.get() != &over) return;
  attempt_ = nullptr;
  dial_failed(why);
}

void remote_node::lost_tie() {
  troupe::internal::reached(cluster_.home(), "a dial lost the tie with one that crossed it");
  attempt_ = nullptr;
  dial_ = cluster_.bytes().after(cluster_.options().setup_time, [self = shared_from_this()] {
    self->dial_failed("it dials this node, too, and has not come through in time");
  });
}

void remote_node::dial_failed(const std::string& why) {
  dialling_ = false;
  pause_ = std::clamp(pause_ * 2, first_pause, longest_pause);
  const auto jitter =
      pause_ * static_cast<std::int64_t>(cluster_.system().random()->cheap() % 100) / 400;
  no_dial_before_ = cluster_.bytes().now() + pause_ - jitter;
  last_failure_ = "cannot reach " + name() + ": " + why;
  give_up(last_failure_);
}

// A dial of this node's own that is still under way is given up: the peer, which has let this node
// in or was let in, could otherwise take it for a newer connection.
void remote_node::joined(const std::shared_ptr<session>& up) {
  const auto before = std::exchange(session_, up);
  const auto attempt = std::exchange(attempt_, nullptr);
  dialling_ = false;
  dial_ = nullptr;
  pause_ = {};
  no_dial_before_ = {};
  if (attempt != nullptr && attempt != up) attempt->fail("the peer's dial came through first");
  cluster_.drop_slower(*up);
  if (before != nullptr) {
    troupe::internal::reached(cluster_.home(),
                              "a newer connection took the place of one that was up");
    const std::string why = "a newer connection took its place";
    before->fail(why);
    drop_session(why);
    cluster_.went_down(before->peer(), why);
  }
  cluster_.came_up(up->peer());
  outbox_.open(up->index());
  flush();
  // Who waits for a word of the one before waits for one of this one.
  cluster_.post([self = shared_from_this()] { self->cluster_.decide_about(self->name_); });
}

void remote_node::left(const session& over, const std::string& why) {
  if (session_.get() != &over) return;
  const auto keep = std::exchange(session_, nullptr);
  drop_session(why);
  cluster_.went_down(keep->peer(), why);
  cluster_.decide_about(name_);  // before this node dials itself
  flush();
}

void remote_node::stop() {
  dial_ = nullptr;
  give_up("this node is stopping");
}

void remote_node::disconnect() {
  if (session_ != nullptr) session_->leave(wire::goodbye::disconnected, {});
}

}  // namespace troupe::net::internal
