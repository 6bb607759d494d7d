// Two nodes joined back to back, from the first byte of the handshake, by a channel that hands on
// pieces of any size, and, if the script says so, changes, doubles or leaves out bytes. What is
// delivered is what was sent, in order, up to the first byte that was changed; without such bytes
// nothing is ever refused. When the connection is over, all that hung on it ends once.
#include <google/protobuf/stubs/logging.h>

#include <array>
#include <deque>
#include <limits>
#include <set>
#include <vector>

#include "connection_host.hpp"
#include "protocol/handshake.hpp"
#include "script.hpp"
#include "wire/frame.hpp"
#include "wire/frame_splitter.hpp"

namespace {

using namespace troupe_fuzz;
using troupe_fuzz::bytes;  // not troupe::bytes
using namespace troupe::net;

constexpr limits bounds{.message_bytes = 4096};
constexpr std::uint32_t peer = 1;
constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

const cookie& secret() {
  static const cookie out =
      std::get<cookie>(cookie::from_text("0123456789abcdef0123456789abcdef", "the fuzzer"));
  return out;
}

handshake_identity identity(std::string_view name, std::uint64_t incarnation) {
  handshake_identity out{.name = std::get<node_name>(node_name::parse(name)),
                         .incarnation = incarnation};
  out.fresh_nonce.fill(static_cast<std::byte>(incarnation));
  return out;
}

// One way.
struct channel {
  std::vector<std::byte> written;  // all of it
  std::vector<std::byte> waiting;  // what has not arrived
  std::size_t arrived = 0;
  std::size_t changed_at = never;  // the first byte that arrived as another

  void put(bytes more) {
    written.insert(written.end(), more.begin(), more.end());
    waiting.insert(waiting.end(), more.begin(), more.end());
  }
  std::vector<std::byte> take(std::size_t n) {
    const auto end = waiting.begin() + static_cast<std::ptrdiff_t>(n);
    std::vector<std::byte> chunk(waiting.begin(), end);
    waiting.erase(waiting.begin(), end);
    for (const std::byte b : chunk) {
      if (arrived >= written.size() || written[arrived] != b)
        changed_at = std::min(changed_at, arrived);
      ++arrived;
    }
    return chunk;
  }
};

class side {
 public:
  side(handshake shake, std::string_view name, std::uint64_t opposite, channel& out, channel& in)
      : shake_(std::move(shake)), name_(name), other_(opposite), out_(out), in_(in) {
    node_.on_write = [this](const wire::frame& f) { write(f); };
    node_.on_deliver = [this](const destination& to, message& what) { delivered(to, what); };
    begin();
  }

  [[nodiscard]] bool up() const { return engine_.has_value(); }
  [[nodiscard]] bool over() const { return over_; }
  side* other = nullptr;

  void take(bytes chunk) {
    splitter_.feed(chunk);
    while (!over_) {
      const auto body = splitter_.next();
      if (!body) break;
      taken_ += frame_prefix_bytes + body->size();
      if (shake_)
        take_handshake(*body);
      else if (const auto wrong = engine_->on_frame(*body))
        refuse(*wrong);
    }
    if (!over_ && splitter_.error()) refuse(splitter_.error()->text());
    for (const auto& [to, ref] : std::exchange(owed_, {}))
      if (engine_) engine_->send(to, reply_of(ref, ref));
  }

  void speak(script& in) {
    if (!engine_ || over_) return;
    const pid from{0, 1 + in.number(3)};
    const pid to{peer, 1 + in.number(3)};
    switch (in.number(6)) {
      case 0:
      case 1: {
        const std::uint64_t number = ++last_;
        notes_.push_back(number);
        engine_->send(to, message::of(note{number, std::string(in.number() * 8, 'n')}));
        break;
      }
      case 2:
        calls_.insert({from, ++last_});
        engine_->send(to, call_of(from, last_, last_));
        break;
      case 3:
        monitors_.insert({from, ++last_});
        engine_->send(to, message::of(troupe::internal::monitor_sent(from, monitor_ref{last_})));
        break;
      case 4:
        if (watchers_.empty()) break;
        engine_->send(watchers_.front().first,
                      message::of(troupe::internal::down_sent(monitor_ref{watchers_.front().second},
                                                              from, exit_reason::shutdown)));
        watchers_.pop_front();
        break;
      default: engine_->tick();
    }
  }

  void end() {
    if (std::exchange(over_, true)) return;
    if (!engine_) return;
    engine_->lost(exit_reason::noconnection);
    expect(calls_.empty(), "a call is told of the loss of its connection");
    expect(monitors_.empty(), "a monitor is told of the loss of its connection");
  }
  // All that was written has been taken and nothing of it was changed.
  void expect_all_delivered() const {
    expect(other->next_ == notes_.size(), "what was sent and came through is delivered");
  }

 private:
  void begin() {
    const auto step = shake_->start();
    out_.put(step.write);
  }
  void write(const wire::frame& f) {
    std::vector<std::byte> out;
    append_frame(out, f);
    out_.put(out);
  }
  [[nodiscard]] bool nothing_changed() const {
    return in_.changed_at == never && out_.changed_at == never;
  }
  void refuse(const std::string& why) {
    expect(!why.empty(), "a refusal says why");
    expect(!nothing_changed(), "what a node writes is never refused");
    end();
  }

  void take_handshake(bytes body) {
    const auto step = shake_->on_frame(body);
    out_.put(step.write);
    if (const auto* failure = std::get_if<handshake_failure>(&step.outcome))
      return refuse(failure->text);
    const auto* known = std::get_if<peer_info>(&step.outcome);
    if (known == nullptr) return;
    expect(taken_ <= in_.changed_at, "nobody is let in whose handshake was changed");
    expect(known->name.text() == name_ && known->incarnation == other_,
           "who is let in is who the other node is");
    shake_.reset();
    splitter_.set_cap(bounds.frame_bytes());
    engine_.emplace(node_, peer, bounds);
  }

  void delivered(const destination& to, message& what) {
    expect(engine_.has_value(), "nothing is delivered before the handshake");
    const pid p = to.id();
    if (const auto* n = what.get_if<note>()) return take_note(*n);
    if (what.type().kind == message_kind::request)
      owed_.emplace_back(header_of(what).reply_to, header_of(what).ref);
    if (what.type().kind == message_kind::reply)
      expect(
          calls_.erase({p, static_cast<troupe::internal::reply_header*>(what.payload())->ref}) == 1,
          "a call ends once");
    if (const auto* m = what.get_if<troupe::internal::monitor_sent>())
      watchers_.emplace_back(m->from, m->ref.id);
    if (const auto* d = what.get_if<troupe::internal::down_sent>())
      expect(monitors_.erase({p, d->what.ref.id}) == 1, "a monitor fires once");
  }
  // Of what was changed on the way anything may have become.
  void take_note(const note& n) {
    if (taken_ > in_.changed_at) return;
    expect(next_ < other->notes_.size() && other->notes_[next_] == n.number,
           "messages come in the order in which they were sent");
    ++next_;
  }

  std::optional<handshake> shake_;
  std::string name_;  // of the other
  std::uint64_t other_;
  channel& out_;
  channel& in_;
  frame_splitter splitter_{max_handshake_frame_bytes};
  fake_node node_;
  std::optional<connection> engine_;
  bool over_ = false;
  std::size_t taken_ = 0;  // bytes of whole frames
  std::uint64_t last_ = 100;
  std::vector<std::uint64_t> notes_;
  std::size_t next_ = 0;  // of the other's notes
  std::set<std::pair<pid, std::uint64_t>> calls_;
  std::set<std::pair<pid, std::uint64_t>> monitors_;
  std::deque<std::pair<pid, std::uint64_t>> watchers_;
  std::vector<std::pair<pid, std::uint64_t>> owed_;
};

void move(channel& from, side& to, std::size_t most) {
  const std::size_t n = std::min(most, from.waiting.size());
  if (n != 0 && !to.over()) to.take(from.take(n));
}

void change(channel& way, script& in) {
  if (way.waiting.empty()) return;
  const std::size_t at = (std::size_t{in.number()} << 8 | in.number()) % way.waiting.size();
  const auto here = way.waiting.begin() + static_cast<std::ptrdiff_t>(at);
  switch (in.number(3)) {
    case 0: *here ^= static_cast<std::byte>(1 + in.number(255)); break;
    case 1: {
      const std::size_t n = std::min<std::size_t>(1 + in.number(), way.waiting.size() - at);
      const std::vector<std::byte> again(here, here + static_cast<std::ptrdiff_t>(n));
      way.waiting.insert(here, again.begin(), again.end());
      break;
    }
    default: way.waiting.erase(here);
  }
}

void run(script in) {
  const auto anybody = [](const peer_info&) { return std::optional<refusal>(); };
  const auto a_is = identity("a@127.0.0.1:7400", 1);
  const auto b_is = identity("b@127.0.0.1:7401", 2);
  std::array<channel, 2> ways;
  side a(handshake::dial(a_is, secret(), b_is.name), b_is.name.text(), 2, ways[0], ways[1]);
  side b(handshake::accept(b_is, secret(), anybody), a_is.name.text(), 1, ways[1], ways[0]);
  a.other = &b;
  b.other = &a;
  bool changes = false;
  bool cut = false;
  while (!in.done() && !a.over() && !b.over() && !cut) {
    const bool first = in.flag();
    switch (in.number(16)) {
      case 0:
        changes = true;
        change(ways[first ? 0 : 1], in);
        break;
      case 1: cut = in.number(8) == 0; break;
      case 2:
      case 3:
      case 4: (first ? a : b).speak(in); break;
      case 5: move(ways[first ? 0 : 1], first ? b : a, 1); break;
      case 6: move(ways[first ? 0 : 1], first ? b : a, never); break;
      default: move(ways[first ? 0 : 1], first ? b : a, 1 + in.number());
    }
  }
  if (!changes && !cut) {
    while (!ways[0].waiting.empty() || !ways[1].waiting.empty()) {
      move(ways[0], b, never);
      move(ways[1], a, never);
    }
    expect(a.up() && b.up(), "a handshake that nobody disturbs succeeds");
    a.expect_all_delivered();
    b.expect_all_delivered();
  }
  a.end();
  b.end();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  google::protobuf::SetLogHandler(nullptr);
  mention_types();
  run(script(data, size));
  return 0;
}
