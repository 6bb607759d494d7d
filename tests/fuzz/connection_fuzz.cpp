// The engine of a connected protocol, by a script: frames of the peer, made up or any bytes, and
// what local processes send. At last the connection is lost. Compared with a naive model of what
// hangs on it: every call, monitor and link ends once.
#include <google/protobuf/stubs/logging.h>

#include <array>
#include <map>
#include <set>

#include "connection_host.hpp"
#include "script.hpp"
#include "wire/frame.hpp"
#include "wire/frame_splitter.hpp"

namespace {

using namespace troupe_fuzz;
using troupe_fuzz::bytes;  // not troupe::bytes
using wire::frame;

constexpr net::limits bounds{.message_bytes = 64 * 1024};
constexpr std::uint32_t peer = 1;
constexpr std::array names = {"", "a", "ab", "abc", "troupe_fuzz::note", "troupe_fuzz::ask"};

class run {
 public:
  run(const std::uint8_t* data, std::size_t size) : in_(data, size), engine_(node_, peer, bounds) {
    node_.on_write = [this](const frame& f) { check_written(f); };
    node_.on_deliver = [this](const destination& to, message& what) { delivered(to, what); };
    node_.on_bounce = [this](message& what) { bounced(what); };
    mirror_node_.on_deliver = [this](const destination&, message& what) { arrived(what); };
    node_.on_spawn = [this]() -> std::variant<pid, exit_reason> {
      if (in_.flag()) return exit_reason::noproc;
      const pid made = ours();
      if (links_to_spawned_) links_[{made, *links_to_spawned_}] = {};
      return made;
    };
  }

  void go() {
    while (!in_.done() && !left_) {
      if (!in_.flag())
        local_speaks();
      else if (!peer_speaks() || engine_.goodbye())
        break;
    }
    losing_ = true;
    engine_.lost(exit_reason::noconnection);
    expect(calls_.empty(), "a call is told of the loss of its connection");
    expect(monitors_.empty(), "a monitor is told of the loss of its connection");
    expect(links_.empty(), "a link is told of the loss of its connection");
    // It is over for good.
    engine_.lost(exit_reason::noconnection);
  }

 private:
  using link = std::pair<pid, pid>;            // ours, theirs
  using call = std::pair<pid, std::uint64_t>;  // ours and its reference

  pid ours() { return {0, 1 + in_.number(3)}; }
  pid theirs() { return {peer, 1 + in_.number(3)}; }
  destination target() {
    if (in_.number(4) != 0) return theirs();
    return {names[1 + in_.number(names.size() - 1)], "peer"};
  }

  // --- what comes out -------------------------------------------------------------------------

  // The peer's own engine takes it: a frame that it can read, with numbers that were defined.
  void check_written(const frame& f) {
    std::vector<std::byte> out;
    net::append_frame(out, f);
    net::frame_splitter splitter(bounds.frame_bytes());
    splitter.feed(out);
    const auto body = splitter.next();
    expect(body.has_value() && !splitter.error(), "a frame is within the limits");
    const auto wrong = mirror_.on_frame(*body);
    if (wrong) std::fprintf(stderr, "%s\n", wrong->c_str());
    expect(!wrong, "the peer understands what is written");
    expect(!losing_, "nothing is written to a connection that is lost");
  }

  // At the peer, of which we are node 1 as it is here: who was ours is theirs, and the other way
  // round.
  void arrived(const message& what) {
    const auto* got = what.get_if<note>();
    if (got == nullptr || !pid_sent_) return;
    const pid sent = *std::exchange(pid_sent_, std::nullopt);
    expect(got->who.id == sent.id, "a pid keeps its number");
    if (sent.node <= peer)
      expect(got->who.node == (sent == pid{} ? 0 : peer - sent.node),
             "a pid of one of the two nodes arrives as a pid of that node");
  }
  // A note with a pid of this node, of the peer, of a third one, or none.
  void send_note(const destination& to) {
    pid_sent_ = in_.flag() ? pid{in_.number(5), 1 + in_.number(3)} : pid{};
    engine_.send(to, message::of(note{in_.number(), std::string(in_.number(), 'x'), *pid_sent_}));
    pid_sent_.reset();
  }

  void delivered(const destination& to, message& what) {
    const pid p = to.id();
    if (what.type().kind == message_kind::reply)
      return answered(p, static_cast<internal::reply_header*>(what.payload())->ref);
    if (what.type().kind == message_kind::value || what.type().kind == message_kind::request)
      expect(!losing_, "no message comes when the connection is lost");
    if (const auto* d = what.get_if<internal::down_sent>())
      expect(monitors_.erase({p, d->what.ref.id}) == 1, "a monitor fires once");
    if (const auto* u = what.get_if<internal::unlink_sent>())
      expect(u->youngest_link == unlinks_up_to_ && u->over != nullptr && !u->over->has_come(),
             "an unlink says which links it can mean");
    if (!losing_) return;
    if (const auto* e = what.get_if<internal::exit_sent>()) {
      const auto at = links_.find({p, e->from});
      expect(e->linked && at != links_.end() && at->second.active, "a link breaks once");
      expect(e->youngest_link == at->second.id, "a lost connection breaks links that it carried");
      links_.erase(at);
    } else if (const auto* a = what.get_if<internal::unlink_ack_sent>()) {
      const auto at = links_.find({p, a->from});
      expect(at != links_.end() && !at->second.active && at->second.id == a->id,
             "an unlink is answered once");
      links_.erase(at);
    }
  }
  void answered(pid caller, std::uint64_t ref) {
    expect(calls_.erase({caller, ref}) == 1, "a call ends once");
  }
  void bounced(message& what) {
    if (what.type().kind == message_kind::request)
      answered(header_of(what).reply_to, header_of(what).ref);
    if (const auto* m = what.get_if<internal::monitor_sent>())
      monitors_.erase({m->from, m->ref.id});
  }

  // --- local processes ------------------------------------------------------------------------

  void local_speaks() {
    const destination to = target();
    const pid from = ours();
    switch (in_.number(17)) {
      case 0: send_note(to); break;
      case 1:
        engine_.send(to, message::of(note{1, std::string(bounds.message_bytes, 'x'), {}}));
        break;
      case 2:
        calls_.insert({from, ++last_ref_});
        engine_.send(to, call_of(from, last_ref_, in_.number()));
        break;
      case 3: spawn(to, from); break;
      case 4: engine_.send(theirs(), reply_of(in_.number(8), 1)); break;
      case 5: engine_.send(theirs(), message::of(internal::failed_reply{{1}, reason()})); break;
      case 6: link_to(from, theirs()); break;
      case 7: unlink_from(from, theirs()); break;
      case 8: exit_to(from, theirs(), in_.flag()); break;
      case 9:
        monitors_.insert({from, ++last_ref_});
        engine_.send(to, message::of(internal::monitor_sent(from, monitor_ref{last_ref_})));
        break;
      case 10: demonitor(); break;
      case 11:
        engine_.send(theirs(),
                     message::of(internal::down_sent(monitor_ref{in_.number(8)}, from, reason())));
        break;
      case 12:
        engine_.send(theirs(), message::of(internal::unlink_ack_sent(from, in_.number(8))));
        break;
      case 13: engine_.pause(in_.flag() ? destination(from) : to_here(), in_.flag()); break;
      case 14:
        engine_.say_goodbye(wire::goodbye::stopping, std::string(in_.number() * 16, 'z'));
        expect(mirror_.goodbye().has_value(), "the peer hears a goodbye");
        left_ = true;
        break;
      default: in_.flag() ? engine_.ask() : engine_.tick();
    }
  }
  destination to_here() { return {names[1 + in_.number(names.size() - 1)], "here"}; }

  exit_reason reason() {
    switch (in_.number(5)) {
      case 0: return exit_reason::normal;
      case 1: return exit_reason::kill;
      case 2: return exit_reason::error("type", std::string(in_.number() * 32, 'y'));
      case 3: return exit_reason::of(note{1, "own", {}});
      default: return exit_reason::of(std::uint64_t{7});
    }
  }
  void spawn(const destination& to, pid from) {
    internal::request_header header;
    header.reply_to = from;
    header.ref = ++last_ref_;
    calls_.insert({from, last_ref_});
    const std::string what(in_.number(), 'b');
    const bool linked = in_.flag();
    net::internal::spawn_order order{what, message::of(std::tuple<int>(1)), linked};
    if (linked) spawns_with_link_.insert({from, last_ref_});
    engine_.send(to, message::of(request<net::internal::spawn_order>(header, std::move(order))));
  }
  void link_to(pid from, pid to) {
    links_[{from, to}] = {true, ++last_ref_};
    engine_.send(to, message::of(internal::link_sent(from, last_ref_)));
  }
  void unlink_from(pid from, pid to) {
    links_[{from, to}] = {false, ++last_ref_};
    engine_.send(to, message::of(internal::unlink_sent(from, last_ref_)));
  }
  void exit_to(pid from, pid to, bool linked) {
    if (linked) links_.erase({from, to});
    engine_.send(to, message::of(internal::exit_sent(from, reason(), linked)));
  }
  void demonitor() {
    if (monitors_.empty()) return;
    const call first = *monitors_.begin();
    monitors_.erase(first);
    engine_.send(pid{peer, 1},
                 message::of(internal::demonitor_sent(first.first, monitor_ref{first.second})));
  }

  // --- the peer -------------------------------------------------------------------------------

  // Whether the connection lives on.
  bool peer_speaks() {
    if (in_.number(8) == 0) return refuses(in_.piece(1 + in_.number()));
    frame f;
    divides_ = false;
    make_frame(f);
    const std::string body = f.SerializeAsString();
    if (divides_ && body.size() > 1) return !take_in_two(body);
    return !take(std::as_bytes(std::span(body)));
  }
  bool take_in_two(const std::string& body) {
    const std::size_t at = 1 + in_.number() % (body.size() - 1);
    frame first;
    first.mutable_fragment()->set_id(1 + in_.number(3));
    first.mutable_fragment()->set_length(static_cast<std::uint32_t>(body.size()));
    first.mutable_fragment()->set_data(body.substr(0, at));
    frame rest;
    rest.mutable_fragment()->set_id(first.fragment().id());
    rest.mutable_fragment()->set_data(body.substr(at));
    const std::string begins = first.SerializeAsString();
    const std::string ends = rest.SerializeAsString();
    expect(!take(std::as_bytes(std::span(begins))), "a first fragment is taken");
    return take(std::as_bytes(std::span(ends)));
  }
  // Any bytes, unless they happen to be a frame that is made below.
  bool refuses(bytes body) {
    const auto f = net::parse_frame(body);
    const bool lives = f && f->kind_case() != frame::KIND_NOT_SET &&
                       (f->kind_case() < frame::kHello || f->kind_case() >= frame::kFragment);
    if (body.empty() || lives) return true;
    expect(take(body), "what is no frame of this protocol is refused");
    return false;
  }
  bool take(bytes body) {
    const auto wrong = engine_.on_frame(body);
    if (wrong) expect(!wrong->empty(), "who broke the protocol is told how");
    return wrong.has_value();
  }

  void put_value(wire::value& v) {
    v.set_type(2 + in_.number(5));
    const auto payload = in_.piece(in_.number(12));
    v.set_payload(payload.data(), payload.size());
  }
  template <class Frame>
  void put_target(Frame& f) {
    if (in_.flag())
      f.set_to(1 + in_.number(3));
    else if (in_.flag())
      f.set_name(2 + in_.number(5));
  }
  void put_reason(wire::exit_reason& r) {
    r.set_kind(static_cast<wire::exit_reason::word>(in_.number(10)));
    r.set_value_type(names[in_.number(names.size())]);
  }
  // A call that waits, or any.
  call some_call() {
    if (calls_.empty() || in_.number(4) == 0) return {ours(), in_.number(8)};
    auto at = calls_.begin();
    std::advance(at, in_.number() % calls_.size());
    return *at;
  }

  void make_frame(frame& f) {
    const pid to = ours();
    const pid from = theirs();
    switch (in_.number(17)) {
      case 0: {
        auto& d = *f.mutable_define_name();
        d.set_id(in_.number(8));
        d.set_kind(static_cast<wire::define_name::space>(in_.number(5)));
        d.set_text(names[in_.number(names.size())]);
        d.set_incarnation(in_.number(4));
        break;
      }
      case 1:
        put_target(*f.mutable_send());
        put_value(*f.mutable_send()->mutable_message());
        break;
      case 2:
        f.mutable_request()->set_from(from.id);
        f.mutable_request()->set_ref(in_.number(8));
        put_target(*f.mutable_request());
        put_value(*f.mutable_request()->mutable_message());
        break;
      case 3: {
        const call c = some_call();
        f.mutable_reply()->set_to(c.first.id);
        f.mutable_reply()->set_ref(c.second);
        if (in_.flag())
          put_value(*f.mutable_reply()->mutable_message());
        else
          put_reason(*f.mutable_reply()->mutable_reason());
        break;
      }
      case 4:
        links_.try_emplace({to, from});
        f.mutable_link()->set_from(from.id);
        f.mutable_link()->set_to(to.id);
        break;
      case 5:
        unlinks_up_to_ = 0;
        if (const auto at = links_.find({to, from}); at != links_.end()) {
          unlinks_up_to_ = at->second.id;
          if (at->second.active) links_.erase(at);
        }
        f.mutable_unlink()->set_from(from.id);
        f.mutable_unlink()->set_to(to.id);
        f.mutable_unlink()->set_id(in_.number(8));
        break;
      case 6: {
        const auto at = links_.find({to, from});
        const std::uint64_t id = at != links_.end() && in_.flag() ? at->second.id : in_.number(8);
        if (at != links_.end() && !at->second.active && at->second.id == id) links_.erase(at);
        f.mutable_unlink_ack()->set_from(from.id);
        f.mutable_unlink_ack()->set_to(to.id);
        f.mutable_unlink_ack()->set_id(id);
        break;
      }
      case 7: make_exit(*f.mutable_exit(), to, from); break;
      case 8:
        f.mutable_monitor()->set_from(from.id);
        f.mutable_monitor()->set_ref(in_.number(8));
        put_target(*f.mutable_monitor());
        break;
      case 9:
        f.mutable_demonitor()->set_from(from.id);
        f.mutable_demonitor()->set_ref(in_.number(8));
        break;
      case 10: {
        call c{to, in_.number(8)};
        if (!monitors_.empty() && in_.flag()) c = *monitors_.begin();
        f.mutable_down()->set_from(in_.number(3));
        f.mutable_down()->set_to(c.first.id);
        f.mutable_down()->set_ref(c.second);
        put_reason(*f.mutable_down()->mutable_reason());
        break;
      }
      case 11: make_spawn(*f.mutable_spawn(), from); break;
      case 12: make_spawn_reply(*f.mutable_spawn_reply()); break;
      case 13: f.mutable_goodbye()->set_text("bye"); break;
      case 15:
        if (in_.flag())
          f.mutable_pause()->set_process(in_.number(3));
        else
          f.mutable_resume()->set_name(names[in_.number(names.size())]);
        break;
      case 16:
        divides_ = true;
        make_frame(f);
        break;
      default:
        f.mutable_tick()->set_ask(in_.number(2));
        f.mutable_tick()->set_answer(in_.number(3));
    }
  }
  // With a reason that can be read: else the frame is refused, and the model must not follow.
  void make_exit(wire::exit& e, pid to, pid from) {
    e.set_from(from.id);
    e.set_to(to.id);
    e.mutable_reason()->set_kind(wire::exit_reason::shutdown);
    e.set_from_link(in_.flag());
    const auto at = links_.find({to, from});
    if (e.from_link() && at != links_.end() && at->second.active) links_.erase(at);
  }
  void make_spawn(wire::spawn& s, pid from) {
    s.set_from(from.id);
    s.set_ref(in_.number(8));
    s.set_behaviour(std::string(in_.number(), 'b'));
    put_value(*s.mutable_arguments());
    s.set_link(in_.flag());
    links_to_spawned_ = s.link() ? std::optional(from) : std::nullopt;
  }
  void make_spawn_reply(wire::spawn_reply& r) {
    const call c = some_call();
    r.set_to(c.first.id);
    r.set_ref(c.second);
    if (in_.flag()) {
      r.set_process(1 + in_.number(3));
      if (calls_.contains(c) && spawns_with_link_.contains(c))
        links_[{c.first, {peer, r.process()}}] = {};
    } else {
      put_reason(*r.mutable_reason());
    }
  }

  script in_;
  fake_node node_;
  fake_node mirror_node_;
  net::connection mirror_{mirror_node_, peer, bounds};
  net::connection engine_;
  bool losing_ = false;
  bool left_ = false;     // the owner closes after its goodbye
  bool divides_ = false;  // the frame that is made comes in fragments
  std::optional<pid> links_to_spawned_;
  std::optional<pid> pid_sent_;  // in the note that is sent just now
  std::uint64_t last_ref_ = 100;
  std::set<call> calls_;
  std::set<call> spawns_with_link_;
  std::set<call> monitors_;
  struct hung {
    bool active = true;
    std::uint64_t id = 0;  // of our link, if we have linked, or of the unlink under way
  };
  std::map<link, hung> links_;
  std::uint64_t unlinks_up_to_ = 0;  // the unlink that comes just now
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  google::protobuf::SetLogHandler(nullptr);
  mention_types();
  run(data, size).go();
  return 0;
}
