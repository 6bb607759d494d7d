// What comes in: frames of the peer become messages and signals for local processes.
#include "protocol/connection.hpp"

#include "wire/decode_message.hpp"
#include "wire/frame.hpp"
#include "wire/printable.hpp"

namespace troupe::net {

namespace core = troupe::internal;

namespace {

constexpr const char* nobody = "a message to nobody";
constexpr const char* undefined_name = "a message to a name that was not defined";
constexpr const char* monitor_in_use = "a monitor with the number of another one";
constexpr const char* quota_of_links = "links (node_options::quota.links)";
constexpr const char* quota_of_monitors = "monitors (node_options::quota.monitors)";

constexpr pid ours(std::uint64_t id) noexcept { return {0, id}; }

}  // namespace

exit_reason beyond_quota(std::string_view what) {
  return exit_reason::error("troupe::peer_quota",
                            "that node allows one other node no more " + std::string(what));
}

std::optional<std::string> connection::on_frame(std::span<const std::byte> body) {
  if (const auto plain = read_send(body)) return on_send(*plain);
  if (const auto part = read_fragment(body)) return on_fragment(*part);
  const auto frame = parse_frame(body);
  if (!frame) return "a frame that is no protobuf message, or nested too deep";
  // The only gate: what is not named here is refused.
  switch (frame->kind_case()) {
    case wire::frame::kSend: return on_send(frame->send());
    case wire::frame::kRequest: return on_request(frame->request());
    case wire::frame::kReply: return on_reply(frame->reply());
    case wire::frame::kLink: return on_link(frame->link());
    case wire::frame::kUnlink: return on_unlink(frame->unlink());
    case wire::frame::kUnlinkAck: return on_unlink_ack(frame->unlink_ack());
    case wire::frame::kExit: return on_exit(frame->exit());
    case wire::frame::kMonitor: return on_monitor(frame->monitor());
    case wire::frame::kDemonitor: return on_demonitor(frame->demonitor());
    case wire::frame::kDown: return on_down(frame->down());
    case wire::frame::kDefineName: return on_define(frame->define_name());
    case wire::frame::kTick: return on_tick(frame->tick());
    case wire::frame::kSpawn: return on_spawn(frame->spawn());
    case wire::frame::kSpawnReply: return on_spawn_reply(frame->spawn_reply());
    case wire::frame::kGoodbye: return on_goodbye(frame->goodbye());
    case wire::frame::kFragment:
      return on_fragment({.id = frame->fragment().id(),
                          .length = frame->fragment().length(),
                          .data = frame->fragment().data()});
    case wire::frame::kPause: return on_pause(frame->pause(), true);
    case wire::frame::kResume: return on_pause(frame->resume(), false);
    case wire::frame::kHello:
    case wire::frame::kRefused:
    case wire::frame::kProof:
    case wire::frame::kWelcome: return "a frame of the handshake after the handshake";
    case wire::frame::KIND_NOT_SET: return "a frame of a kind that this version does not know";
  }
  return "a frame of a kind that this version does not know";
}

// --- names and numbers ------------------------------------------------------------------------

std::optional<std::string> connection::on_define(const wire::define_name& f) {
  const std::size_t at = f.id() - first_number;
  if (f.id() < first_number || at >= max_definitions || at > definitions_.size())
    return "a definition of a number out of range";
  const bool is_type = f.kind() == wire::define_name::type;
  if (f.text().empty() || f.text().size() > (is_type ? max_type_name_bytes : max_name_bytes))
    return "a definition of a name that is empty or too long";
  definition what{f.kind(), f.text()};
  switch (f.kind()) {
    case wire::define_name::type:
    case wire::define_name::name: break;
    case wire::define_name::node: {
      const auto index = host_.index_of({f.text(), f.incarnation()});
      if (!index) return "more nodes than this node keeps track of";
      what.node = *index;
      break;
    }
    default: return "a definition of an unknown kind";
  }
  if (at == definitions_.size()) definitions_.emplace_back();
  definitions_[at] = std::move(what);
  return std::nullopt;
}

connection::definition* connection::defined(std::uint64_t number, wire::define_name::space space) {
  if (number < first_number || number - first_number >= definitions_.size()) return nullptr;
  definition& found = definitions_[number - first_number];
  return found.space == space ? &found : nullptr;
}

std::optional<pid> connection::from_wire(wire_pid p) {
  if (p.id == 0) return pid{};
  if (p.node == 0) return theirs(p.id);
  if (p.node == 1) return ours(p.id);
  const definition* node = defined(p.node, wire::define_name::node);
  return node == nullptr ? std::nullopt : std::optional(pid{node->node, p.id});
}

// --- parts of frames --------------------------------------------------------------------------

connection::taken connection::take_value(std::uint32_t number, std::string_view payload,
                                         message_kind role) {
  definition* type = defined(number, wire::define_name::type);
  if (type == nullptr) return {.why = "a message whose type was not defined", .broken = true};
  found_type& found = type->found[static_cast<std::size_t>(role)];
  if (found.type == nullptr) found = find_message_type(role, type->text);
  taken out;
  out.value = decode_message(found, {type->text, role, payload}, *this, bounds_, out.why);
  return out;
}

std::variant<exit_reason, std::string> connection::take_reason(const wire::exit_reason& in) {
  exit_reason reason;
  if (auto error = decode(type_of<exit_reason>, &reason, in.SerializeAsString(), *this, bounds_))
    return std::move(error->text);
  return reason;
}

template <class Frame>
std::variant<destination, std::string> connection::take_target(const Frame& f) {
  if (f.target_case() == Frame::kTo) return destination(ours(f.to()));
  if (f.target_case() != Frame::kName) return std::string(nobody);
  const definition* name = defined(f.name(), wire::define_name::name);
  if (name == nullptr) return std::string(undefined_name);
  return destination(name->text);
}

// --- messages ---------------------------------------------------------------------------------

std::optional<std::string> connection::on_send(const wire::send& f) {
  if (f.target_case() == wire::send::TARGET_NOT_SET) return nobody;
  return on_send(send_frame{
      .named = f.target_case() == wire::send::kName,
      .target = f.target_case() == wire::send::kName ? f.name() : f.to(),
      .type = f.message().type(),
      .payload = f.message().payload(),
  });
}

std::optional<std::string> connection::on_send(const send_frame& f) {
  const definition* const name = f.named ? defined(f.target, wire::define_name::name) : nullptr;
  if (f.named && name == nullptr) return undefined_name;
  taken what = take_value(f.type, f.payload, message_kind::value);
  if (what.broken) return what.why;
  if (!what.value)
    host_.warn("a message to " + (f.named ? name->text : to_string(ours(f.target))) +
               " was dropped: " + what.why);
  else if (f.named)
    host_.receive(destination(name->text), std::move(what.value), f.payload.size());
  else
    host_.receive(ours(f.target), std::move(what.value), f.payload.size());
  return std::nullopt;
}

std::optional<std::string> connection::on_request(const wire::request& f) {
  auto to = take_target(f);
  if (auto* broken = std::get_if<std::string>(&to)) return *broken;
  taken what = take_value(f.message(), message_kind::request);
  if (what.broken) return what.why;
  if (!what.value) {
    refuse_request(f, exit_reason::error("troupe::not_receivable", what.why));
    return std::nullopt;
  }
  if (asked_.size() >= bounds_.calls) {
    refuse_request(f, beyond_quota("open calls (node_options::quota.calls)"));
    return std::nullopt;
  }
  if (!asked_.emplace(f.from(), f.ref()).second) return "a request with the number of an open one";
  host_.address(what.value, theirs(f.from()), f.ref(),
                f.timeout_ms() == 0 ? infinity : std::chrono::milliseconds(f.timeout_ms()));
  host_.receive(std::get<destination>(to), std::move(what.value), f.message().payload().size());
  return std::nullopt;
}

void connection::refuse_request(const wire::request& f, const exit_reason& why) {
  wire::frame frame;
  frame.mutable_reply()->set_to(f.from());
  frame.mutable_reply()->set_ref(f.ref());
  put_reason(*frame.mutable_reply()->mutable_reason(), why);
  host_.write(frame);
}

// A call is done with when it is answered: if its answer breaks the protocol, `lost` tells it.
std::optional<std::string> connection::on_reply(const wire::reply& f) {
  const auto at = calls_.find({ours(f.to()), f.ref()});
  // Nobody waits: it was lost with an earlier connection.
  if (at == calls_.end()) return std::nullopt;
  const open_call call = at->second;
  if (f.result_case() == wire::reply::kMessage) {
    taken what = take_value(f.message(), message_kind::reply);
    if (what.broken) return what.why;
    calls_.erase(at);
    if (!what.value) {
      fail_call(call, exit_reason::error("troupe::not_receivable", what.why));
      return std::nullopt;
    }
    static_cast<core::reply_header*>(what.value.payload())->ref = call.ref;
    host_.deliver(call.caller, std::move(what.value));
    return std::nullopt;
  }
  if (f.result_case() != wire::reply::kReason) return "a reply without a result";
  auto reason = take_reason(f.reason());
  if (auto* broken = std::get_if<std::string>(&reason)) return *broken;
  calls_.erase(at);
  fail_call(call, std::get<exit_reason>(reason));
  return std::nullopt;
}

// --- spawning ---------------------------------------------------------------------------------

std::optional<std::string> connection::on_spawn(const wire::spawn& f) {
  const definition* type = defined(f.arguments().type(), wire::define_name::type);
  if (type == nullptr) return "a spawn whose arguments' type was not defined";
  if (f.behaviour().size() > max_name_bytes) return "a spawn of a name that is too long";
  const foreign_ref watcher(f.from(), f.monitor());
  if (f.monitor() != 0 && watchers_.contains(watcher)) return monitor_in_use;
  const auto made = [&]() -> std::variant<pid, exit_reason> {
    if (f.link() && links_.size() >= bounds_.links) return beyond_quota(quota_of_links);
    if (f.monitor() != 0 && watchers_.size() >= bounds_.monitors)
      return beyond_quota(quota_of_monitors);
    return host_.spawn({.from = theirs(f.from()),
                        .behaviour = f.behaviour(),
                        .type = type->text,
                        .payload = f.arguments().payload(),
                        .link = f.link(),
                        .monitor = {f.monitor()}},
                       *this);
  }();
  wire::frame frame;
  auto& out = *frame.mutable_spawn_reply();
  out.set_to(f.from());
  out.set_ref(f.ref());
  if (const pid* child = std::get_if<pid>(&made)) {
    if (f.link()) links_.insert_or_assign({*child, theirs(f.from())}, link_state{});
    if (f.monitor() != 0) watchers_.emplace(watcher, *child);
    out.set_process(child->id);
  } else {
    put_reason(*out.mutable_reason(), std::get<exit_reason>(made));
  }
  host_.write(frame);
  return std::nullopt;
}

std::optional<std::string> connection::on_spawn_reply(const wire::spawn_reply& f) {
  const pid caller = ours(f.to());
  const auto at = calls_.find({caller, f.ref()});
  if (at == calls_.end()) return std::nullopt;
  const open_call call = at->second;
  if (f.result_case() == wire::spawn_reply::kProcess) {
    const auto monitor = monitors_.find({caller, call.monitor.id});
    calls_.erase(at);
    const pid child = theirs(f.process());
    if (monitor != monitors_.end()) monitor->second = child;  // it was not taken back meanwhile
    if (call.links) {  // before the reply and before any exit of the child
      links_.insert_or_assign({caller, child}, link_state{});
      host_.deliver(caller, message::of(core::link_sent(child)));
    }
    host_.deliver(caller, message::of(core::reply_payload<pid>{{f.ref()}, child}));
    return std::nullopt;
  }
  if (f.result_case() != wire::spawn_reply::kReason) return "a spawn reply without a result";
  auto reason = take_reason(f.reason());
  if (auto* broken = std::get_if<std::string>(&reason)) return *broken;
  monitors_.erase({caller, call.monitor.id});
  calls_.erase(at);
  fail_call(call, std::get<exit_reason>(reason));
  return std::nullopt;
}

// --- links and exits --------------------------------------------------------------------------

std::optional<std::string> connection::on_link(const wire::link& f) {
  if (links_.size() >= bounds_.links && !links_.contains({ours(f.to()), theirs(f.from())})) {
    wire::frame frame;
    frame.mutable_exit()->set_from(f.to());
    frame.mutable_exit()->set_to(f.from());
    frame.mutable_exit()->set_from_link(true);
    put_reason(*frame.mutable_exit()->mutable_reason(), beyond_quota(quota_of_links));
    host_.write(frame);
    return std::nullopt;
  }
  // One that crosses our unlink does not bring the link back.
  links_.try_emplace({ours(f.to()), theirs(f.from())});
  host_.deliver(ours(f.to()), message::of(core::link_sent(theirs(f.from()))));
  return std::nullopt;
}

std::optional<std::string> connection::on_unlink(const wire::unlink& f) {
  core::unlink_sent unlink(theirs(f.from()), f.id());
  unlink.over = over_;
  const auto link = links_.find({ours(f.to()), theirs(f.from())});
  if (link != links_.end()) {
    unlink.youngest_link = link->second.id;
    if (link->second.active) links_.erase(link);
  }
  host_.deliver(ours(f.to()), message::of(std::move(unlink)));
  return std::nullopt;
}

std::optional<std::string> connection::on_unlink_ack(const wire::unlink_ack& f) {
  const auto link = links_.find({ours(f.to()), theirs(f.from())});
  if (link != links_.end() && !link->second.active && link->second.id == f.id()) links_.erase(link);
  host_.deliver(ours(f.to()), message::of(core::unlink_ack_sent(theirs(f.from()), f.id())));
  return std::nullopt;
}

std::optional<std::string> connection::on_exit(const wire::exit& f) {
  auto reason = take_reason(f.reason());
  if (auto* broken = std::get_if<std::string>(&reason)) return *broken;
  const pid from = f.from() == 0 ? pid{} : theirs(f.from());
  if (f.from_link()) {
    const auto link = links_.find({ours(f.to()), from});
    if (link != links_.end() && link->second.active) links_.erase(link);
  }
  host_.deliver(ours(f.to()),
                message::of(core::exit_sent(from, std::get<exit_reason>(reason), f.from_link())));
  return std::nullopt;
}

// --- monitors ---------------------------------------------------------------------------------

std::optional<std::string> connection::on_monitor(const wire::monitor& f) {
  auto to = take_target(f);
  if (auto* broken = std::get_if<std::string>(&to)) return *broken;
  const destination& target = std::get<destination>(to);
  const pid process = target.named() ? host_.whereis(target.name()) : target.id();
  if (watchers_.contains({f.from(), f.ref()})) return monitor_in_use;
  if (watchers_.size() >= bounds_.monitors) {
    wire::frame frame;
    frame.mutable_down()->set_from(process.id);
    frame.mutable_down()->set_to(f.from());
    frame.mutable_down()->set_ref(f.ref());
    put_reason(*frame.mutable_down()->mutable_reason(), beyond_quota(quota_of_monitors));
    host_.write(frame);
    return std::nullopt;
  }
  if (process) watchers_.emplace(foreign_ref(f.from(), f.ref()), process);
  // To no process: the watcher is told noproc by the way of all undeliverable monitors.
  host_.deliver(process, message::of(core::monitor_sent(theirs(f.from()), monitor_ref{f.ref()})));
  return std::nullopt;
}

std::optional<std::string> connection::on_demonitor(const wire::demonitor& f) {
  const auto at = watchers_.find({f.from(), f.ref()});
  if (at == watchers_.end()) return std::nullopt;
  const pid process = at->second;
  watchers_.erase(at);
  host_.deliver(process, message::of(core::demonitor_sent(theirs(f.from()), monitor_ref{f.ref()})));
  return std::nullopt;
}

std::optional<std::string> connection::on_down(const wire::down& f) {
  auto reason = take_reason(f.reason());
  if (auto* broken = std::get_if<std::string>(&reason)) return *broken;
  if (monitors_.erase({ours(f.to()), f.ref()}) == 0) return std::nullopt;  // demonitored meanwhile
  const pid from = f.from() == 0 ? pid{} : theirs(f.from());
  host_.deliver(ours(f.to()), message::of(core::down_sent(monitor_ref{f.ref()}, from,
                                                          std::get<exit_reason>(reason))));
  return std::nullopt;
}

// --- flow ---------------------------------------------------------------------------------------

std::optional<std::string> connection::on_fragment(const fragment& f) {
  if (whole_of_fragments_) return "a fragment within fragments";
  if (auto broken = reassembler_.add(f)) return broken;
  const auto whole = reassembler_.take_whole();
  if (!whole) return std::nullopt;
  whole_of_fragments_ = true;
  auto broken = on_frame(*whole);
  whole_of_fragments_ = false;
  return broken;
}

template <class Frame>
std::optional<std::string> connection::on_pause(const Frame& f, bool pause) {
  const bool named = f.target_case() == Frame::kName;
  if (named ? f.name().empty() || f.name().size() > max_name_bytes : f.process() == 0)
    return "a pause of nobody";
  if (!host_.pause(named ? destination(f.name()) : destination(theirs(f.process())), pause))
    return "more paused than are allowed";
  return std::nullopt;
}

std::optional<std::string> connection::on_tick(const wire::tick& f) {
  if (f.answer() != 0 && f.answer() == asked_last_) answered_ = f.answer();
  if (f.ask() == 0) return std::nullopt;
  wire::frame frame;
  frame.mutable_tick()->set_answer(f.ask());
  host_.write(frame);
  return std::nullopt;
}

std::optional<std::string> connection::on_goodbye(const wire::goodbye& f) {
  goodbye_ = "the node said goodbye";
  switch (f.reason()) {
    case wire::goodbye::stopping: goodbye_ = "the node is stopping"; break;
    case wire::goodbye::disconnected: goodbye_ = "the node disconnected"; break;
    case wire::goodbye::silent: goodbye_ = "the node heard nothing from this one"; break;
    case wire::goodbye::protocol_error:
      goodbye_ = "the node found this one breaking the protocol";
      break;
    default: break;
  }
  if (!f.text().empty()) *goodbye_ += ": " + printable(f.text(), 200);
  return std::nullopt;
}

}  // namespace troupe::net
