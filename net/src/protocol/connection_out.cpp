// What goes out: messages and signals of local processes become frames.
#include "protocol/connection.hpp"

#include <algorithm>

namespace troupe::net {

namespace core = troupe::internal;

namespace {

// On the wire: at least 1, because 0 is no limit; a limit of more than seven weeks is none.
std::uint32_t to_timeout_ms(std::chrono::nanoseconds left) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return ms > std::int64_t{UINT32_MAX} ? 0
                                       : static_cast<std::uint32_t>(std::max<std::int64_t>(ms, 1));
}

}  // namespace

connection::connection(connection_host& host, std::uint32_t peer, const limits& bounds,
                       std::uint64_t features)
    : host_(host), peer_(peer), bounds_(bounds), features_(features), reassembler_(bounds) {}

void connection::send(const destination& to, message what) {
  // Numbers are given out anew when half of them are in use, and only between two frames: within
  // one, a number must keep its meaning until the frame is written.
  if (starts_numbers_anew()) {
    numbers_.clear();
    type_numbers_.clear();
    last_number_ = 1;
  }
  if (to.named() && (to.name().empty() || to.name().size() > max_name_bytes))
    return refuse(to, std::move(what),
                  "a registered name has 1 to " + std::to_string(max_name_bytes) + " bytes");
  switch (what.type().kind) {
    case message_kind::value: return send_value(to, what);
    case message_kind::request: return send_request(to, what);
    case message_kind::reply: return send_reply(to.id(), what);
    case message_kind::signal: return send_signal(to, what);
  }
}

// Tells the sender, and the log where no sender waits for anything.
void connection::refuse(const destination& to, message what, const std::string& why) {
  if (what.type().kind == message_kind::value)
    host_.warn("a message to " + to_string(to) + " was dropped: " + why);
  else
    host_.bounce(to, std::move(what), exit_reason::error("troupe::not_sendable", why));
}

// --- numbers for names ------------------------------------------------------------------------

std::uint32_t connection::number(wire::define_name::space space, std::string_view text,
                                 std::uint64_t incarnation) {
  // The incarnation is part of a node's key: an old one and a new one are two nodes.
  std::string key(text);
  if (incarnation != 0) key += '#' + std::to_string(incarnation);
  const auto known = numbers_.find({space, key});
  if (known != numbers_.end()) return known->second;
  const std::uint32_t fresh = ++last_number_;
  numbers_.emplace(std::pair(space, std::move(key)), fresh);
  wire::frame frame;
  auto& define = *frame.mutable_define_name();
  define.set_id(fresh);
  define.set_kind(space);
  define.set_text(text.data(), text.size());
  define.set_incarnation(incarnation);
  host_.write(frame);
  return fresh;
}

std::uint32_t connection::type_number(std::string_view name) {
  const auto known = type_numbers_.find(name.data());
  if (known != type_numbers_.end()) return known->second;
  const std::uint32_t fresh = number(wire::define_name::type, name, 0);
  type_numbers_.emplace(name.data(), fresh);
  return fresh;
}

wire_pid connection::to_wire(pid p) {
  if (p.node == 0) return {0, p.id};
  if (p.node == peer_) return {1, p.id};
  const node_identity node = host_.identity_of(p.node);
  return {number(wire::define_name::node, node.name, node.incarnation), p.id};
}

// --- parts of frames --------------------------------------------------------------------------

std::optional<std::string> connection::encode_value(std::string& out, const message& what) {
  const type_info& type = *what.type().value;
  if (type.name.size() > max_type_name_bytes)
    return "the name of its type has more than " + std::to_string(max_type_name_bytes) +
           " bytes: give the type a `static constexpr std::string_view type_name`";
  if (auto error = encode(type, what.value(), out, *this, bounds_)) return error->text;
  return std::nullopt;
}

std::optional<std::string> connection::put_value(wire::value& out, const message& what) {
  std::string bytes;
  if (auto error = encode_value(bytes, what)) return error;
  out.set_type(type_number(what.type().value->name));
  *out.mutable_payload() = std::move(bytes);
  return std::nullopt;
}

void connection::put_reason(wire::exit_reason& out, const exit_reason& reason) {
  std::string bytes;
  (void)encode(type_of<exit_reason>, &reason, bytes, *this,
               bounds_);  // leaves out what is in the way
  out.ParseFromString(bytes);
}

template <class Frame>
void connection::put_target(Frame& out, const destination& to) {
  if (to.named())
    out.set_name(number(wire::define_name::name, to.name(), 0));
  else
    out.set_to(to.id().id);
}

// --- messages ---------------------------------------------------------------------------------

void connection::send_value(const destination& to, message& what) {
  payload_.clear();
  if (const auto error = encode_value(payload_, what)) return refuse(to, std::move(what), *error);
  host_.write(send_frame{
      .named = to.named(),
      .target = to.named() ? number(wire::define_name::name, to.name(), 0) : to.id().id,
      .type = type_number(what.type().value->name),
      .payload = payload_,
  });
  if (payload_.capacity() > kept_payload_bytes) payload_ = {};
}

void connection::send_request(const destination& to, message& what) {
  auto& header = *static_cast<core::request_header*>(what.payload());
  const auto left = host_.time_left(header.deadline);
  if (left <= std::chrono::nanoseconds::zero())
    return host_.bounce(to, std::move(what),
                        exit_reason::error("troupe::timeout", "not sent in time"));
  if (what.get_if<request<internal::spawn_order>>() != nullptr) return send_spawn(to, what);
  wire::frame frame;
  auto& out = *frame.mutable_request();
  if (const auto error = put_value(*out.mutable_message(), what))
    return refuse(to, std::move(what), *error);
  put_target(out, to);
  out.set_timeout_ms(to_timeout_ms(left));
  note_call(out, header);
  host_.write(frame);
}

void connection::send_spawn(const destination& to, message& what) {
  auto& order = **what.get_if<request<internal::spawn_order>>();
  if (order.behaviour.empty() || order.behaviour.size() > max_name_bytes)
    return refuse(to, std::move(what),
                  "a behaviour's name has 1 to " + std::to_string(max_name_bytes) + " bytes");
  if (order.monitor && (features_ & feature_spawn_monitor) == 0)
    return refuse(to, std::move(what),
                  "that node's version cannot monitor what it starts: update it, or use spawn_on "
                  "and monitor");
  wire::frame frame;
  auto& out = *frame.mutable_spawn();
  if (const auto error = put_value(*out.mutable_arguments(), order.arguments))
    return refuse(to, std::move(what), *error);
  out.set_behaviour(order.behaviour);
  out.set_link(order.link);
  out.set_monitor(order.monitor.id);
  note_call(out, *static_cast<core::request_header*>(what.payload()), order.link, order.monitor);
  // Taken back by the caller, by the way of every monitor, if there is no process in the end.
  if (order.monitor) monitors_.insert_or_assign({{0, out.from()}, order.monitor.id}, pid{});
  host_.write(frame);
}

// From here on the table remembers who waits, and no more the message. A request of another node's
// process, which one here has passed on, goes out as one of this node, and so its answer comes back
// here: what a connection carries is of its two nodes only.
template <class Frame>
void connection::note_call(Frame& out, core::request_header& header, bool links,
                           monitor_ref monitor) {
  if (calls_.size() >= calls_to_sweep_) sweep_calls();
  const pid caller = std::exchange(header.reply_to, pid{});
  const local_call asks =
      caller.local() ? local_call(caller, header.ref) : local_call(stand_in, ++last_passed_on_);
  out.set_from(asks.first.id);
  out.set_ref(asks.second);
  calls_.emplace(asks, open_call{.caller = caller,
                                 .ref = header.ref,
                                 .deadline = header.deadline,
                                 .links = links,
                                 .monitor = monitor});
}

// A call whose time is over may never be answered: it is forgotten, unless it links, because then
// its answer does. Another node's caller is told, for that node, too, keeps a note of it.
void connection::sweep_calls() {
  std::vector<open_call> over;
  std::erase_if(calls_, [&](const auto& entry) {
    const open_call& call = entry.second;
    if (call.links || host_.time_left(call.deadline) > std::chrono::nanoseconds::zero())
      return false;
    if (!call.caller.local()) over.push_back(call);
    return true;
  });
  calls_to_sweep_ = std::max(least_calls_to_sweep, 2 * calls_.size());
  for (const open_call& call : over)
    fail_call(call, exit_reason::error("troupe::timeout", "not answered in time"));
}

void connection::send_reply(pid to, message& what) {
  wire::frame frame;
  auto& out = *frame.mutable_reply();
  out.set_to(to.id);
  out.set_ref(static_cast<core::reply_header*>(what.payload())->ref);
  asked_.erase({out.to(), out.ref()});
  if (auto* failure = what.get_if<core::failed_reply>())
    put_reason(*out.mutable_reason(), failure->value);
  else if (const auto error = put_value(*out.mutable_message(), what))
    put_reason(*out.mutable_reason(), exit_reason::error("troupe::not_sendable", *error));
  host_.write(frame);
}

// --- signals ----------------------------------------------------------------------------------

void connection::send_signal(const destination& to, message& what) {
  const pid target = to.id();
  wire::frame frame;
  if (auto* link = what.get_if<core::link_sent>()) {
    links_.insert_or_assign({link->from, target}, link_state{true, link->id});
    auto& out = *frame.mutable_link();
    out.set_from(link->from.id);
    out.set_to(target.id);
  } else if (auto* unlink = what.get_if<core::unlink_sent>()) {
    links_.insert_or_assign({unlink->from, target}, link_state{false, unlink->id});
    auto& out = *frame.mutable_unlink();
    out.set_from(unlink->from.id);
    out.set_to(target.id);
    out.set_id(unlink->id);
  } else if (auto* ack = what.get_if<core::unlink_ack_sent>()) {
    auto& out = *frame.mutable_unlink_ack();
    out.set_from(ack->from.id);
    out.set_to(target.id);
    out.set_id(ack->id);
  } else if (auto* exit = what.get_if<core::exit_sent>()) {
    if (exit->linked) links_.erase({exit->from, target});
    auto& out = *frame.mutable_exit();
    out.set_from(exit->from.id);
    out.set_to(target.id);
    out.set_from_link(exit->linked);
    put_reason(*out.mutable_reason(), exit->reason);
  } else if (auto* monitor = what.get_if<core::monitor_sent>()) {
    monitors_.insert_or_assign({monitor->from, monitor->ref.id}, target);
    auto& out = *frame.mutable_monitor();
    out.set_from(monitor->from.id);
    out.set_ref(monitor->ref.id);
    put_target(out, to);
  } else if (auto* demonitor = what.get_if<core::demonitor_sent>()) {
    if (monitors_.erase({demonitor->from, demonitor->ref.id}) == 0) return;
    auto& out = *frame.mutable_demonitor();
    out.set_from(demonitor->from.id);
    out.set_ref(demonitor->ref.id);
  } else if (auto* down = what.get_if<core::down_sent>()) {
    watchers_.erase({target.id, down->what.ref.id});
    auto& out = *frame.mutable_down();
    out.set_from(down->what.from.id);
    out.set_to(target.id);
    out.set_ref(down->what.ref.id);
    put_reason(*out.mutable_reason(), down->what.reason);
  }
  if (frame.kind_case() != wire::frame::KIND_NOT_SET) host_.write(frame);
}

void connection::tick() {
  wire::frame frame;
  frame.mutable_tick();
  host_.write(frame);
}

void connection::ask() {
  if (++asked_last_ == 0) ++asked_last_;  // 0 asks nothing
  wire::frame frame;
  frame.mutable_tick()->set_ask(asked_last_);
  host_.write(frame);
}

void connection::pause(const destination& to, bool pause) {
  wire::frame frame;
  const auto fill = [&](auto& out) {
    if (to.named())
      out.set_name(to.name());
    else
      out.set_process(to.id().id);
  };
  if (pause)
    fill(*frame.mutable_pause());
  else
    fill(*frame.mutable_resume());
  host_.write(frame);
}

void connection::say_goodbye(wire::goodbye::cause why, std::string_view text) {
  wire::frame frame;
  frame.mutable_goodbye()->set_reason(why);
  frame.mutable_goodbye()->set_text(std::string(text.substr(0, max_text_bytes)));
  host_.write(frame);
}

// --- the end ----------------------------------------------------------------------------------

void connection::lost(const exit_reason& why) {
  over_->come();
  const auto links = std::exchange(links_, {});
  const auto monitors = std::exchange(monitors_, {});
  const auto watchers = std::exchange(watchers_, {});
  const auto calls = std::exchange(calls_, {});
  for (const auto& [ends, link] : links) {
    const auto& [ours, peers] = ends;
    if (link.active)
      host_.deliver(ours, message::of(core::exit_sent(peers, why, true, link.id)));
    else  // no ack will come
      host_.deliver(ours, message::of(core::unlink_ack_sent(peers, link.id)));
  }
  for (const auto& [watcher, target] : monitors)
    host_.deliver(watcher.first,
                  message::of(core::down_sent(monitor_ref{watcher.second}, target, why)));
  for (const auto& [watcher, target] : watchers)
    host_.deliver(target, message::of(core::demonitor_sent(theirs(watcher.first),
                                                           monitor_ref{watcher.second})));
  for (const auto& [asks, call] : calls) fail_call(call, why);
}

void connection::fail_call(const open_call& call, const exit_reason& why) {
  host_.deliver(call.caller, message::of(core::failed_reply{{call.ref}, why}));
}

}  // namespace troupe::net
