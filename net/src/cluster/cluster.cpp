#include "cluster/cluster.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "cluster/group_exchange.hpp"
#include "platform/cookie_file.hpp"
#include "platform/environment.hpp"
#include "platform/peer_environment.hpp"
#include "reactor/tls_files.hpp"
#include "wire/codec.hpp"
#include "wire/printable.hpp"

namespace troupe::net::internal {

namespace core = troupe::internal;
using core::outside_wait;

namespace {

// Warnings about what peers do: so many in ten seconds, then silence, so that nobody fills the log.
constexpr int max_warnings = 20;
constexpr std::chrono::seconds warning_window{10};
// While others wait, a handshake of TLS may take so much of the setup time: as much as an answer
// takes around the world, and so little that those who never answer do not keep others out.
constexpr int parts_of_setup_time = 20;

net::node_name parsed_name(const node_options& options) {
  std::string text = options.name;
  if (text.empty()) text = environment_value(node_variable);
  if (text.empty())
    throw node_error(
        "a node needs a name: give node_options::name or set TROUPE_NODE, as app@127.0.0.1:7400");
  auto parsed = net::node_name::parse_to_listen(text);
  if (const auto* error = std::get_if<node_name_error>(&parsed)) throw node_error(error->text);
  return std::get<net::node_name>(parsed);
}

cookie loaded_cookie(const node_options& options) {
  cookie_source source;
  if (!options.cookie.empty()) source.text = options.cookie;
  source.file = options.cookie_file;
  auto loaded = load_cookie(source);
  if (const auto* error = std::get_if<cookie_error>(&loaded)) throw node_error(error->text);
  return std::move(std::get<cookie>(loaded));
}

node_options checked(node_options options) {
  if (options.when_busy != overflow::hold_sender && options.when_busy != overflow::refuse)
    throw node_error("node_options::when_busy can be hold_sender or refuse");
  return options;
}

// Null without TLS. The environment does not speak of carriers, which are for simulations.
std::shared_ptr<tls_files> opened_tls(const node_options& options, const net::node_name& name) {
  tls_options paths = options.tls;
  const auto none = [&] {
    return paths.certificate.empty() && paths.key.empty() && paths.authority.empty();
  };
  if (none() && options.carrier == nullptr)
    paths = {environment_value(tls_certificate_variable), environment_value(tls_key_variable),
             environment_value(tls_authority_variable)};
  if (none()) return nullptr;
  if (options.carrier != nullptr)
    throw node_error("node_options::tls is for TCP: leave it empty with node_options::carrier");
  auto made = std::make_shared<tls_files>(std::move(paths), name.uri());
  if (const auto wrong = made->refresh()) throw node_error(wrong->text);
  return made;
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == local_host || host == "::1" || host.starts_with("127.");
}

std::uint64_t fresh_incarnation(troupe::system& system) {
  std::array<std::byte, 8> bytes{};
  std::uint64_t number = 0;
  while (number == 0) {
    system.random()->secret(bytes);
    std::memcpy(&number, bytes.data(), bytes.size());
  }
  return number;
}

}  // namespace

cluster::cluster(troupe::system& system, node_options options)
    : system_(system),
      options_(checked(std::move(options))),
      bounds_{.message_bytes = options_.max_message_bytes,
              .links = options_.quota.links,
              .monitors = options_.quota.monitors,
              .calls = options_.quota.calls},
      name_(parsed_name(options_)),
      incarnation_(fresh_incarnation(system)),
      secret_(loaded_cookie(options_)),
      tls_(opened_tls(options_, name_)),
      transport_(options_.carrier != nullptr ? *options_.carrier : *transport_of(system)) {
  if (options_.carrier == nullptr) set_busy_poll(system, options_.busy_poll);
}

// --- life ---------------------------------------------------------------------------------------

void cluster::listen() {
  const std::string host(name_.host());
  const bool exposed = !is_loopback(host) && tls_ == nullptr;
  if (exposed && !options_.listen_insecure)
    throw node_error("cannot listen on " + name_.text() +
                     " without TLS: give node_options::tls, take a loopback address, or set "
                     "node_options::listen_insecure if the network is closed to strangers");
  if (exposed)
    system_.log(log_level::warning, "node " + name_.text() +
                                        " listens without TLS (listen_insecure): whoever is on the "
                                        "network can read and alter what it says");
  system_.run([&](context) -> task<> {
    co_await run_on(transport_, [&] {
      open_listener({host, name_.port()});
      // Before a first connection can bring anything that is to be answered.
      core::attach(home(), shared_from_this());
      for (const std::string& scope : core::scopes_of(home())) start_exchange(scope);
    });
  });
  announce_peer(name_.text(), incarnation_);
}

void cluster::open_listener(const endpoint& where) {
  auto got = transport_.listen(
      where, [this](std::unique_ptr<stream> bytes) { accepted(std::move(bytes)); });
  if (!got) throw node_error("cannot listen as " + name_.text() + ": " + got.error().text);
  listener_ = std::move(*got);
  name_ = name_.with_port(listener_->port());
}

void cluster::stop() {
  core::attach(home(), nullptr);
  closed_.store(true, std::memory_order_release);
  if (!core::scopes_of(home()).empty())
    system_.run([&](context self) { return end_exchanges(self); });
  outside_wait done(home());
  transport_.post([self = shared_from_this(), &done] {
    self->close_all(std::make_unique<outside_wait::notice>(done));
  });
  done.wait();
}

void cluster::close_all(std::unique_ptr<outside_wait::notice> done) {
  listener_ = nullptr;
  next_turn_ = nullptr;
  stopped_ = std::move(done);
  for (const auto& s : std::vector(sessions_.begin(), sessions_.end())) {
    if (s->up())
      s->leave(wire::goodbye::stopping, {});
    else
      s->fail("this node is stopping");
  }
  std::vector<std::shared_ptr<remote_node>> remotes;
  {
    const std::shared_lock lock(mutex_);
    for (const auto& [name, r] : remotes_) remotes.push_back(r);
  }
  for (const auto& r : remotes) r->stop();
  if (sessions_.empty()) stopped_ = nullptr;
}

// --- messages out -------------------------------------------------------------------------------

// Null if the message stays here, or comes back: then it is taken.
inline remote_node* cluster::way_to(const destination& to, message& what) noexcept {
  if (!to.named() && open()) {
    const known_node* const node = known_.find(to.id().node);
    if (node != nullptr && node->remote != nullptr) [[likely]]
      return node->remote.get();
  }
  return uncommon_way_to(to, what);
}

void cluster::deliver(pid from, const destination& to, message what) noexcept {
  if (remote_node* const through = way_to(to, what)) through->push(from, to, std::move(what));
}

bool cluster::send(pid from, const destination& to, message what) noexcept {
  remote_node* const through = way_to(to, what);
  return through == nullptr || through->send(from, to, std::move(what));
}

remote_node* cluster::uncommon_way_to(const destination& to, message& what) noexcept {
  const auto refuse = [&](const exit_reason& why) {
    core::bounce(home(), to, std::move(what), why);
    return nullptr;
  };
  const auto unreachable = [](const std::string& why) {
    return exit_reason::from_parts(exit_reason::kind::noconnection, {}, why, {});
  };
  if (!open()) return refuse(unreachable("this node is stopping"));
  if (to.named()) {
    if (to.node() == name_.text()) return deliver_here(to, std::move(what)), nullptr;
    const auto parsed = net::node_name::parse(to.node());
    if (const auto* error = std::get_if<node_name_error>(&parsed))
      return refuse(unreachable(error->text));
    return remote(std::get<net::node_name>(parsed)).get();
  }
  if (known_.find(to.id().node) == nullptr) return refuse(unreachable("no such node"));
  return refuse(exit_reason::noproc);  // of an earlier incarnation of this node: it is dead
}

// A name on this very node, given with its node.
void cluster::deliver_here(const destination& to, message what) noexcept {
  if (auto* order = what.get_if<request<connect_order>>()) return order->reply();
  if (auto* order = what.get_if<request<spawn_order>>()) {
    const auto at = [&]() -> std::optional<offer_record> {
      const std::shared_lock lock(mutex_);
      const auto found = offers_.find((*order)->behaviour);
      return found == offers_.end() ? std::nullopt : std::optional(found->second);
    }();
    auto& args = (*order)->arguments;
    if (!at || &args.type() != at->arguments)
      return order->fail(exit_reason::error(
          "troupe::not_offered", "no behaviour " + (*order)->behaviour + " for these arguments"));
    core::launch_options how;
    how.link = (*order)->link;  // to who asks, which runs here
    const monitor_ref monitor = (*order)->monitor;
    how.under = std::make_shared<started_for>(home(), nullptr, order->from(), monitor);
    try {
      const pid made = at->start(at->how.get(), home(), how, args.value());
      core::monitors_now(monitor, made);
      order->reply(made);
    } catch (...) {
      order->fail(exit_reason::from_current_exception());
    }
    return;
  }
  core::deliver(home(), destination(to.name()), std::move(what));
}

bool cluster::is_reachable(std::string_view name) const {
  const auto& names = options_.reachable_names;
  return !names || std::find(names->begin(), names->end(), name) != names->end() ||
         group_exchange::is_name_of_one(name);
}

// --- nodes --------------------------------------------------------------------------------------

std::shared_ptr<remote_node> cluster::remote(const net::node_name& name) {
  {
    const std::shared_lock lock(mutex_);
    const auto at = remotes_.find(name.text());
    if (at != remotes_.end()) return at->second;
  }
  const std::unique_lock lock(mutex_);
  auto& at = remotes_[name.text()];
  if (at == nullptr) at = std::make_shared<remote_node>(*this, name);
  return at;
}

std::optional<std::uint32_t> cluster::index_of(const node_identity& node) {
  if (node.name == name_.text() && node.incarnation == incarnation_) return 0;
  {
    const std::shared_lock lock(mutex_);
    const auto at = indexes_.find({node.name, node.incarnation});
    if (at != indexes_.end()) return at->second;
    if (known_.full()) return std::nullopt;
  }
  const auto parsed = net::node_name::parse(node.name);
  if (!std::holds_alternative<net::node_name>(parsed)) return std::nullopt;
  const auto through =
      node.name == name_.text() ? nullptr : remote(std::get<net::node_name>(parsed));
  const std::unique_lock lock(mutex_);
  const auto [at, fresh] = indexes_.try_emplace({node.name, node.incarnation}, 0);
  if (fresh) {
    if (known_.full()) {
      indexes_.erase(at);
      return std::nullopt;
    }
    at->second = known_.add({node, through});
  }
  return at->second;
}

node_identity cluster::identity_of(std::uint32_t index) const {
  if (index == 0) return {name_.text(), incarnation_};
  const known_node* node = known_.find(index);
  return node == nullptr ? node_identity{} : node->id;
}

std::string cluster::node_name(std::uint32_t index) const { return identity_of(index).name; }

std::vector<std::string> cluster::nodes() const {
  const std::shared_lock lock(mutex_);
  std::vector<std::string> names;
  names.reserve(up_.size());
  for (const auto& [name, incarnation] : up_) names.push_back(name);
  return names;
}

void cluster::post(std::function<void()> work) { transport_.post(std::move(work)); }

void cluster::disconnect(std::string_view node) {
  const auto parsed = net::node_name::parse(node);
  if (const auto* name = std::get_if<net::node_name>(&parsed))
    post([r = remote(*name)] { r->disconnect(); });
}

// --- sessions -----------------------------------------------------------------------------------

handshake_identity cluster::identity() const {
  handshake_identity us{.name = name_,
                        .incarnation = incarnation_,
                        .features = known_features,
                        .hidden = options_.hidden};
  system_.random()->secret(us.fresh_nonce);
  return us;
}

tls_context* cluster::tls() {
  if (tls_ == nullptr) return nullptr;
  const tls_context* const before = tls_->current();
  if (const auto wrong = tls_->refresh())
    warn("the TLS files have changed, and what they held before is still used: " + wrong->text);
  if (tls_->current() != before)
    system_.log(log_level::info, "node " + name_.text() + ": new connections use new TLS files");
  return tls_->current();
}

// Null if nobody has spoken of it.
std::shared_ptr<remote_node> cluster::known(const net::node_name& name) const {
  const std::shared_lock lock(mutex_);
  const auto at = remotes_.find(name.text());
  return at == remotes_.end() ? nullptr : at->second;
}

// Asked by a handshake about a node that dials this one.
admission_answer cluster::may_join(const peer_info& peer) {
  if (!open()) return {refusal::unavailable};
  const auto r = known(peer.name);  // not made here: the peer has not proved itself yet
  if (r == nullptr) return {};
  // Of two dials that cross, both sides keep the same one.
  if (r->dialling() && wins_tie(name_, peer.name)) return {refusal::lost_tie};
  const session* const up = r->current();
  // With the same incarnation the peer itself dials anew, so it knows the old one to be over.
  if (up == nullptr || up->peer().incarnation == peer.incarnation || !up->can_ask()) return {};
  // Another life of it: the old one has ended, or two nodes were given one name.
  return admission_answer::not_yet();
}

void cluster::ask_other(const net::node_name& name) {
  if (session* const up = known(name)->current()) up->ask();
}

std::vector<std::shared_ptr<session>> cluster::undecided(const net::node_name& name) const {
  std::vector<std::shared_ptr<session>> found;
  for (const auto& s : sessions_)
    if (s->undecided(name)) found.push_back(s);
  return found;
}

void cluster::answers(const session& up) {
  core::reached(home(), "a node kept its place against another one of its name");
  for (const auto& s : undecided(up.peer().name))
    s->decide({refusal::alive, "it comes from " + s->where() +
                                   ", and the node of this name that is connected comes from " +
                                   up.where() + " and answers"});
}

void cluster::decide_about(const net::node_name& name) {
  for (const auto& s : undecided(name)) s->decide(may_join(s->claimed()));
}

namespace {
// How far one has come that has not proved itself.
int progress(const session& s) { return s.named() ? 2 : s.had_turn() ? 1 : 0; }
}  // namespace

void cluster::accepted(std::unique_ptr<stream> bytes) {
  std::size_t unproven = 0;
  session* first_to_go = nullptr;  // the oldest has had most of its time
  for (const auto& s : sessions_) {
    if (s->up() || s->dialled()) continue;
    ++unproven;
    // Of a crowd that says nothing none is to stay in the place of one who goes on.
    if (first_to_go == nullptr || progress(*s) < progress(*first_to_go)) first_to_go = s.get();
  }
  if (unproven > 0 && unproven >= options_.max_handshakes)
    first_to_go->fail("too many handshakes at once (node_options::max_handshakes)");
  add_session(std::move(bytes), nullptr);
}

std::shared_ptr<session> cluster::add_session(std::unique_ptr<stream> bytes,
                                              std::shared_ptr<remote_node> dialled) {
  auto made = std::make_shared<session>(*this, std::move(bytes), std::move(dialled));
  sessions_.push_back(made);
  made->start();
  return made;
}

// A handshake that began before the session which has come up, and was slower. One that began later
// is of a peer that knows this session to be over.
void cluster::drop_slower(const session& up) {
  std::vector<std::shared_ptr<session>> slower;
  for (const auto& s : sessions_) {  // oldest first
    if (s.get() == &up) break;
    if (!s->up() && s->claims(up.peer())) slower.push_back(s);
  }
  for (const auto& s : slower) s->fail("another connection with the node came through first");
}

void cluster::forget(const session& over) {
  std::erase_if(sessions_, [&](const auto& s) { return s.get() == &over; });
  if (sessions_.empty()) stopped_ = nullptr;
}

void cluster::give_turns() {
  if (tls_ == nullptr || !open()) return;
  for (;;) {
    session* next = nullptr;
    session* slowest = nullptr;
    std::size_t under_way = 0;
    for (const auto& s : sessions_) {
      if (next == nullptr && s->waits_for_turn()) next = s.get();
      if (!s->turn()) continue;
      ++under_way;
      if (slowest == nullptr || *s->turn() < *slowest->turn()) slowest = s.get();
    }
    next_turn_ = nullptr;
    if (next == nullptr) return;
    if (under_way == 0 || under_way < options_.max_tls_handshakes) {
      next->take_turn();
      continue;
    }
    const auto left =
        *slowest->turn() + options_.setup_time / parts_of_setup_time - transport_.now();
    if (left <= left.zero()) {
      const std::string why =
          "its handshake of TLS was slow, and others wait (node_options::max_tls_handshakes)";
      note_refusal(nullptr, why);
      return slowest->fail(why);  // which gives turns again
    }
    next_turn_ = transport_.after(left, [this] { give_turns(); });
    return;
  }
}

void cluster::note_refusal(const remote_node* dialled, const std::string& why) {
  warn((dialled == nullptr ? "a connection that came in was refused: "
                           : "the connection to " + dialled->name() + " was refused: ") +
       why);
}

void cluster::warn(const std::string& text) {
  {
    const std::unique_lock lock(mutex_);
    const steady_time now = system_.time()->now();
    if (now - warned_since_ > warning_window) {
      warned_since_ = now;
      warnings_ = 0;
    }
    if (++warnings_ > max_warnings) return;
  }
  system_.log(log_level::warning, "node " + name_.text() + ": " + text);
}

// --- who is up ----------------------------------------------------------------------------------

void cluster::came_up(const peer_info& peer) {
  system_.log(log_level::info, "node " + name_.text() + ": " + peer.name.text() + " is up");
  if (peer.hidden) return;
  {
    const std::unique_lock lock(mutex_);
    up_[peer.name.text()] = peer.incarnation;
  }
  std::erase_if(subscribers_, [&](pid p) { return !system_.alive(p); });
  for (const pid p : subscribers_)
    core::deliver(home(), p, message::of(nodeup{peer.name.text(), peer.incarnation}));
}

void cluster::went_down(const peer_info& peer, const std::string& why) {
  system_.log(log_level::info, "node " + name_.text() + ": " + peer.name.text() +
                                   " is down: " + printable(why, 300));
  if (peer.hidden) return;
  {
    const std::unique_lock lock(mutex_);
    up_.erase(peer.name.text());
  }
  std::erase_if(subscribers_, [&](pid p) { return !system_.alive(p); });
  for (const pid p : subscribers_)
    core::deliver(home(), p, message::of(nodedown{peer.name.text(), peer.incarnation, why}));
}

void cluster::subscribe(pid process) {
  post([self = shared_from_this(), process] {
    self->subscribers_.push_back(process);
    const std::shared_lock lock(self->mutex_);
    for (const auto& [name, incarnation] : self->up_)
      core::deliver(self->home(), process, message::of(nodeup{name, incarnation}));
  });
}

task<> cluster::unsubscribe(context self) {
  const pid process = self;
  co_await run_on(transport_, [this, process] { std::erase(subscribers_, process); });
}

// --- process groups -----------------------------------------------------------------------------

// Not on the spot: the exchange is nobody's child and in nobody's quota.
void cluster::share_groups(std::string_view scope) noexcept {
  post([self = shared_from_this(), name = std::string(scope)] { self->start_exchange(name); });
}

void cluster::start_exchange(const std::string& scope) {
  if (!open() || options_.hidden || exchanges_.contains(scope)) return;
  try {
    const child_spec tree = supervisor(
        "groups", one_for_one{.intensity = 10, .period = std::chrono::seconds(10)},
        {child<group_exchange>(scope, this, scope).name(group_exchange::name_for(scope))});
    exchanges_.emplace(scope, tree.record().start(home(), {}));
  } catch (const std::exception& e) {
    warn("the process groups of the scope " + printable(scope, 300) +
         " are not shared with other nodes: " + e.what());
  }
}

task<> cluster::end_exchanges(context self) {
  std::map<std::string, pid> all;
  co_await run_on(transport_, [&] { all.swap(exchanges_); });
  for (const auto& [scope, process] : all) {
    const monitor_ref ref = self.monitor(process);
    system_.exit(process, exit_reason::shutdown);
    co_await self.receive<down>([&](const down& d) { return d.ref == ref; });
  }
}

// --- what others may start ---

void cluster::add_offer(std::string name, offer_record what) {
  const std::unique_lock lock(mutex_);
  offers_.insert_or_assign(std::move(name), std::move(what));
}

std::variant<pid, exit_reason> cluster::start_offer(const connection_host::spawn_request& what,
                                                    remote_node& from, pid_mapper& pids) {
  const auto refuse = [&](const std::string& why) {
    return exit_reason::error("troupe::not_offered",
                              "node " + name_.text() + " " + why + " " + printable(what.behaviour));
  };
  std::optional<offer_record> offer;
  {
    const std::shared_lock lock(mutex_);
    const auto at = offers_.find(what.behaviour);
    if (at != offers_.end()) offer = at->second;
  }
  if (!offer) return refuse("does not offer the behaviour");
  const type_info& type = *offer->arguments->value;
  if (offer->arguments->construct == nullptr || what.type != type.name)
    return exit_reason::error("troupe::bad_arguments",
                              std::string(what.behaviour) + " takes " + std::string(type.name) +
                                  " and was given " + printable(what.type, 200));
  message arguments = message::blank(*offer->arguments);
  if (const auto error = decode(type, arguments.value(), what.payload, pids, bounds_))
    return exit_reason::error("troupe::bad_arguments", error->text);
  core::launch_options options;
  if (what.link) options.link_to = what.from;
  options.under = std::make_shared<started_for>(home(), from.started(), what.from, what.monitor);
  try {
    return offer->start(offer->how.get(), home(), options, arguments.value());
  } catch (...) {
    return exit_reason::from_current_exception();
  }
}

}  // namespace troupe::net::internal
