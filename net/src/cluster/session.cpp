#include "cluster/session.hpp"

#include "cluster/cluster.hpp"
#include "wire/frame.hpp"

namespace troupe::net::internal {

namespace core = troupe::internal;

namespace {

// One read takes little before the peer has proved itself and while the connection is quiet, more
// when as much has come as there was room for.
constexpr std::size_t most_read_bytes = 64 * 1024;
// A buffer of what goes out that has become larger is given back when all has gone.
constexpr std::size_t kept_buffer_bytes = 256 * 1024;
// Fragments that one write takes if there is nothing else, to cost less; else it is one.
constexpr std::size_t fragments_in_write = 4;
// Ticks go out four times in the tick time; four in a row without a byte are the end.
constexpr int ticks_in_tick_time = 4;
// What was written before the goodbye gets so long to leave; then it is cut.
constexpr std::chrono::seconds time_to_leave{1};

std::string leave_reason(wire::goodbye::cause why) {
  switch (why) {
    case wire::goodbye::stopping: return "this node is stopping";
    case wire::goodbye::disconnected: return "this node disconnected";
    default: return "it broke the protocol: ";
  }
}

exit_reason no_connection(const std::string& text) {
  return exit_reason::from_parts(exit_reason::kind::noconnection, {}, text, {});
}

}  // namespace

session::session(cluster& owner, std::unique_ptr<stream> bytes,
                 std::shared_ptr<remote_node> dialled)
    : cluster_(owner),
      stream_(std::move(bytes)),
      remote_(std::move(dialled)),
      dialled_(remote_ != nullptr),
      splitter_(max_handshake_frame_bytes),
      fragments_(owner.bounds()) {}

std::string session::who() const {
  if (remote_ != nullptr) return remote_->name();
  return peer_ ? peer_->name.text() : "a node that has not named itself";
}

// --- the handshake ------------------------------------------------------------------------------

void session::start() {
  deadline_ = cluster_.bytes().after(cluster_.options().setup_time, [self = shared_from_this()] {
    if (!self->up())
      self->end("no handshake in time: it waited for " +
                std::string(self->handshake_ ? self->handshake_->waiting_for() : "that of TLS"));
  });
  if (!cluster_.has_tls()) return shake_hands(std::nullopt);
  if (dialled_) return start_tls();
  // Who says nothing takes no turn; what it says is read when it has one.
  stream_->await_bytes([self = shared_from_this()] {
    if (self->ended_) return;
    self->tls_ = tls_stage::waits;
    self->cluster_.give_turns();
  });
}

void session::take_turn() {
  tls_ = tls_stage::under_way;
  turn_ = cluster_.bytes().now();
  start_tls();
}

// Within the time and number that hold for all who have not proved themselves.
void session::start_tls() {
  const auto side = dialled_ ? tls_side::dialler : tls_side::acceptor;
  stream_->start_tls(*cluster_.tls(), side,
                     [self = shared_from_this()](io_result<tls_peer> secured) {
                       if (self->ended_) return;
                       self->tls_ = tls_stage::over;
                       if (!secured) return self->cannot_read(secured.error());
                       self->shake_hands(std::move(*secured));
                       self->cluster_.give_turns();
                     });
}

void session::shake_hands(std::optional<tls_peer> secured) {
  handshake_identity us = cluster_.identity();
  if (secured) {
    us.channel_binding = std::move(secured->channel_binding);
    us.certified = std::move(secured->uris);
  }
  if (dialled_)
    handshake_.emplace(handshake::dial(std::move(us), cluster_.secret(), remote_->parsed()));
  else
    handshake_.emplace(
        handshake::accept(std::move(us), cluster_.secret(), [this](const peer_info& peer) {
          claimed_ = peer;
          return cluster_.may_join(peer);
        }));
  const handshake_step step = handshake_->start();
  out_.insert(out_.end(), step.write.begin(), step.write.end());
  write_on();
  read_on();
}

void session::take_handshake(std::span<const std::byte> body) {
  take_step(handshake_->on_frame(body));
}

void session::take_step(const handshake_step& step) {
  out_.insert(out_.end(), step.write.begin(), step.write.end());
  if (const auto* failure = std::get_if<handshake_failure>(&step.outcome)) {
    leaving_ = failure->text;  // the refusal goes out, then the stream closes
    if (failure->reason != refusal::lost_tie)
      cluster_.note_refusal(remote_.get(), failure->text);
    else if (dialled_)
      remote_->lost_tie();
    return write_on();
  }
  if (const auto* peer = std::get_if<peer_info>(&step.outcome)) connected(*peer);
  if (handshake_ && handshake_->undecided()) cluster_.ask_other(claimed_->name);
  write_on();
}

void session::decide(const admission_answer& may_join) { take_step(handshake_->decide(may_join)); }

std::string session::where() const {
  return stream_ == nullptr ? "nowhere" : to_string(stream_->peer());
}

void session::connected(const peer_info& peer) {
  peer_ = peer;
  handshake_.reset();
  deadline_ = nullptr;
  splitter_.set_cap(cluster_.bounds().frame_bytes());
  const auto index = cluster_.index_of({peer.name.text(), peer.incarnation});
  if (!index) return end("this node keeps track of no more nodes");
  engine_.emplace(static_cast<connection_host&>(*this), *index, cluster_.bounds(), peer.features);
  unread_ = std::make_shared<unread_mail>(
      cluster_.home(), cluster_.options().unread_bytes,
      unread_mail::duties{.pause =
                              [this](const auto& to, bool pause) {
                                engine_->pause(to, pause);
                                flush();
                              },
                          .post = [&c = cluster_](auto work) { c.post(std::move(work)); }});
  last_tick_ = cluster_.bytes().now();
  heard_ = true;
  arm_tick();
  if (remote_ == nullptr) remote_ = cluster_.remote(peer.name);
  remote_->joined(shared_from_this());
}

// --- bytes in -----------------------------------------------------------------------------------

void session::read_on() {
  if (stream_ == nullptr) return;
  // Here, where the splitter is done with it.
  if (in_.capacity() > 4 * read_bytes_) in_ = {};
  in_.resize(read_bytes_);
  stream_->read_some(in_, [self = shared_from_this()](io_result<std::size_t> got) {
    if (self->ended_) return;
    if (!got) return self->cannot_read(got.error());
    self->take(std::span(self->in_).first(*got));
    self->choose_read_bytes(*got);
    self->read_on();
  });
}

void session::choose_read_bytes(std::size_t last) {
  if (last == in_.size() && engine_)
    read_bytes_ = std::min(4 * read_bytes_, most_read_bytes);
  else if (last < read_bytes_ / 16)
    read_bytes_ = std::max(read_bytes_ / 2, least_read_bytes);
}

// A dialler whose peer closes at the first byte is not told why: it may want TLS.
void session::cannot_read(const io_error& why) {
  if (leaving_) return end(*leaving_);
  const bool unheard = dialled_ && handshake_ && !heard_ && !cluster_.has_tls();
  const bool closed = why.code == io_errc::eof || why.code == io_errc::reset;
  std::string text = why.text;
  if (unheard && closed)
    text += " before it said a word: it may speak TLS, then give this node node_options::tls, too";
  if (why.code == io_errc::tls || (unheard && closed)) cluster_.note_refusal(remote_.get(), text);
  end(text);
}

void session::take(std::span<const std::byte> bytes) {
  heard_ = heard_since_asked_ = true;
  if (leaving_) return;
  splitter_.feed(bytes);
  while (!ended_ && !leaving_) {
    const auto body = splitter_.next();
    if (!body) break;
    if (handshake_)
      take_handshake(*body);
    else
      take_frame(*body);
  }
  pass_on();
  if (!ended_ && !leaving_ && splitter_.error())
    leave(wire::goodbye::protocol_error, splitter_.error()->text());
  flush();
}

void session::take_frame(std::span<const std::byte> body) {
  if (const auto broken = engine_->on_frame(body))
    return leave(wire::goodbye::protocol_error, *broken);
  if (engine_->goodbye()) return end(*engine_->goodbye());
  if (asked_ != nullptr && engine_->answered()) {
    asked_ = nullptr;
    cluster_.answers(*this);
  }
  // What this node answers by itself does not wait in a queue: the peer must take it.
  if (!ended_ &&
      out_.size() > cluster_.options().max_queued_bytes + cluster_.bounds().frame_bytes())
    end("it does not read the answers to what it sends (node_options::max_queued_bytes)");
}

// --- bytes out ----------------------------------------------------------------------------------

std::optional<std::uint32_t> session::send(const destination& to, message what) {
  divided_.reset();
  engine_->send(to, std::move(what));
  return std::exchange(divided_, std::nullopt);
}

void session::send_ready(std::vector<std::byte>& frames) {
  if (leaving_ || ended_) return;
  if (out_.empty())
    out_.swap(frames);
  else
    out_.insert(out_.end(), frames.begin(), frames.end());
}

void session::write(const wire::frame& frame) {
  if (leaving_ || ended_) return;
  const std::size_t start = out_.size();
  append_frame(out_, frame);
  divide_if_long(start);
}

void session::write(const send_frame& frame) {
  if (leaving_ || ended_) return;
  if (frame.payload.size() < max_fragment_bytes) return append_frame(out_, frame);
  std::vector<std::byte> whole;
  whole.reserve(frame.payload.size() + frame_overhead_bytes);
  append_frame(whole, frame);
  divided_ = fragments_.add(std::move(whole));
}

void session::divide_if_long(std::size_t start) {
  const auto whole = std::span(out_).subspan(start);
  if (whole.size() <= frame_prefix_bytes + max_fragment_bytes) return;
  divided_ = fragments_.add({whole.begin(), whole.end()});
  out_.resize(start);
}

// With each write, after what else there is: a tick or a short message waits for no more than that.
void session::write_fragments() {
  if (leaving_) return;
  const std::size_t most = out_.empty() ? fragments_in_write : 1;
  for (std::size_t i = 0; i < most && !fragments_.empty(); ++i)
    if (const auto whole = fragments_.append_next(out_)) fragmented_.push_back(*whole);
}

void session::flush() { write_on(); }

// What is written while a write is under way goes with the next one.
void session::write_on() {
  if (write_under_way_ || stream_ == nullptr) return;
  if (sent_ == writing_.size()) {
    write_fragments();
    if (out_.empty()) {
      if (leaving_) return end(*leaving_);
      for (auto* buffer : {&writing_, &out_})  // after a burst: not kept while idle
        if (buffer->capacity() > kept_buffer_bytes) *buffer = {};
      sent_ = writing_.size();
      return;
    }
    writing_.swap(out_);
    out_.clear();
    sent_ = 0;
  }
  write_under_way_ = true;
  stream_->write_some(std::span(writing_).subspan(sent_),
                      [self = shared_from_this()](io_result<std::size_t> done) {
                        self->write_under_way_ = false;
                        if (self->ended_) return;
                        if (!done) return self->cannot_write(done.error());
                        self->sent_ += *done;
                        self->write_on();
                        if (!self->ended_ && self->remote_ != nullptr) self->remote_->flush();
                      });
}

// Why a peer has broken off the handshake is in its last words, which are still to be read.
void session::cannot_write(const io_error& why) {
  if (leaving_)
    end(*leaving_);
  else if (!handshake_)
    end(why.text);
}

void session::leave(wire::goodbye::cause why, std::string_view text) {
  if (ended_ || leaving_) return;
  if (why == wire::goodbye::protocol_error)
    cluster_.warn(who() + " broke the protocol and is disconnected: " + std::string(text));
  if (engine_) engine_->say_goodbye(why, text);
  leaving_ = leave_reason(why) + std::string(text);
  deadline_ = cluster_.bytes().after(time_to_leave,
                                     [self = shared_from_this()] { self->end(*self->leaving_); });
  if (engine_) engine_->lost(no_connection(*leaving_));
  if (remote_ != nullptr) remote_->left(*this, *leaving_);
  write_on();
}

// --- heartbeats ---------------------------------------------------------------------------------

void session::arm_tick() {
  tick_ = cluster_.bytes().after(cluster_.options().tick_time / ticks_in_tick_time,
                                 [self = shared_from_this()] { self->on_tick(); });
}

void session::on_tick() {
  if (ended_ || leaving_) return;
  const steady_time now = cluster_.bytes().now();
  // If this node itself was held up, the peer's bytes may be waiting to be read: blame nobody.
  const bool we_were_late =
      now - last_tick_ > 2 * cluster_.options().tick_time / ticks_in_tick_time;
  last_tick_ = now;
  if (we_were_late && !heard_)
    core::reached(cluster_.home(), "a node that was held up itself blamed nobody");
  silent_ticks_ = heard_ || we_were_late ? 0 : silent_ticks_ + 1;
  heard_ = false;
  if (silent_ticks_ >= ticks_in_tick_time) return end_silent("it was silent for the tick time");
  engine_->tick();
  flush();
  arm_tick();
}

void session::end_silent(const std::string& why) {
  engine_->say_goodbye(wire::goodbye::silent, {});
  write_on();
  end(why);
}

// --- whether it lives ---------------------------------------------------------------------------

void session::ask() {
  if (asked_ != nullptr || ended_ || leaving_) return;
  heard_since_asked_ = false;
  // A newcomer that waits for the answer has its own time, which began before.
  asked_ = cluster_.bytes().after(cluster_.options().setup_time / 2,
                                  [self = shared_from_this()] { self->not_answered(); });
  engine_->ask();
  flush();
}

// Over a slow way the answer is behind other bytes: while these come the node is not silent. If
// nobody waits for its place any more it need not make room.
void session::not_answered() {
  asked_ = nullptr;
  if (ended_ || leaving_) return;
  if (heard_since_asked_ || !cluster_.awaits_place(peer_->name)) return cluster_.answers(*this);
  core::reached(cluster_.home(), "a node that did not answer made room for one of its name");
  end_silent("another node of its name has come, and it did not answer");
}

// --- the end ------------------------------------------------------------------------------------

void session::fail(const std::string& why) { end(why); }

void session::end(const std::string& why) {
  if (std::exchange(ended_, true)) return;
  const auto self = shared_from_this();
  deadline_ = nullptr;
  tick_ = nullptr;
  asked_ = nullptr;
  if (unread_ != nullptr) unread_->close();
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->close();
  if (engine_ && !leaving_) {
    engine_->lost(no_connection(why));
    remote_->left(*this, why);
  } else if (!engine_ && remote_ != nullptr) {
    remote_->not_joined(*this, why);
  }
  tls_ = tls_stage::over;
  cluster_.forget(*this);
  cluster_.give_turns();
}

// --- what the connection asks for ---------------------------------------------------------------

void session::deliver(const destination& to, message what) {
  pass_on();
  if (to.named() && !cluster_.is_reachable(to.name()))
    return bounce(to, std::move(what), exit_reason::noproc);
  core::send(cluster_.home(), to, std::move(what));
}
void session::receive(const destination& to, message what, std::size_t bytes) {
  if (!to.named()) return receive(to.id(), std::move(what), bytes);
  pass_on();
  receive_one(to, std::move(what), bytes + unread_mail::message_bytes);
}

void session::receive(pid to, message what, std::size_t bytes) {
  bytes += unread_mail::message_bytes;
  if (to.bounded()) {
    pass_on();
    return receive_one(to, std::move(what), bytes);
  }
  if (arrived_.to != to || arrived_.count == most_at_once) pass_on();
  core::message_node* const node = what.release();
  node->next = std::exchange(arrived_.newest, node);
  if (arrived_.count++ == 0) {
    arrived_.to = to;
    arrived_.oldest = node;
  }
  arrived_.bytes += bytes;
}

void session::receive_one(const destination& to, message what, std::size_t bytes) {
  count_passed(1);
  const pid process = to.named() ? whereis(to.name()) : to.id();
  if (!process.bounded() || !unread_->may_exceed(to)) {
    core::send(cluster_.home(), process, std::move(what));
    return unread_->add(to, process, bytes);
  }
  const bool full = core::send_or_hold(cluster_.home(), process, std::move(what));
  unread_->add(to, process, bytes);
  if (full) unread_->hold(to, process);
}

// Before anything else reaches a process, and when all is read that has come.
void session::pass_on() {
  if (arrived_.count == 0) return;
  const auto mail = std::exchange(arrived_, {});
  count_passed(mail.count);
  core::send_several(cluster_.home(), mail.to, mail.newest, mail.oldest, mail.count);
  unread_->add(mail.to, mail.to, mail.bytes);
}

void session::count_passed(std::size_t mails) {
  passed_on_ += mails;
  if (passed_on_ < most_before_turns) return;
  passed_on_ = 0;
  cluster_.bytes().give_way();
}

bool session::pause(const destination& to, bool pause) { return remote_->pause(to, pause); }
void session::bounce(const destination& to, message what, const exit_reason& why) {
  core::bounce(cluster_.home(), to, std::move(what), why);
}
void session::address(message& request, pid reply_to, std::uint64_t ref,
                      std::chrono::nanoseconds timeout) {
  core::address_request(cluster_.home(), request, reply_to, ref, timeout);
}
pid session::whereis(std::string_view name) {
  return cluster_.is_reachable(name) ? cluster_.system().whereis(name) : pid();
}
std::variant<pid, exit_reason> session::spawn(const spawn_request& what, pid_mapper& pids) {
  return cluster_.start_offer(what, *remote_, pids);
}
std::optional<std::uint32_t> session::index_of(const node_identity& node) {
  return cluster_.index_of(node);
}
node_identity session::identity_of(std::uint32_t index) { return cluster_.identity_of(index); }
std::chrono::nanoseconds session::time_left(steady_time deadline) {
  return deadline == steady_time::max() ? infinity : deadline - cluster_.system().time()->now();
}
void session::warn(std::string text) { cluster_.warn("node " + who() + ": " + text); }

}  // namespace troupe::net::internal
