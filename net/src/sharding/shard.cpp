#include "sharding/shard.hpp"

#include <troupe/distribution.hpp>
#include <troupe/sys.hpp>

#include <algorithm>
#include <exception>
#include <map>
#include <optional>
#include <unordered_map>

#include "directory/lease_guard.hpp"

namespace troupe::net::internal {

namespace core = troupe::internal;

std::string shard_name(const sharding_plan& plan, std::uint32_t number) {
  return plan.name + '/' + std::to_string(number);
}

namespace {

// An idle process is found within a quarter more than sharding_options::idle.
constexpr int looks_for_idle = 4;
constexpr std::chrono::nanoseconds no_time{0};
constexpr std::string_view no_process =
    "this node has as many processes as sharding_options::max_processes or "
    "system_options::max_processes allow";

// To itself.
struct look_for_idle {};

class shard {
 public:
  shard(context self, plan_ptr plan, std::uint32_t number, std::shared_ptr<shard_tally> tally)
      : self_(self), plan_(std::move(plan)), number_(number), tally_(std::move(tally)) {}
  shard(const shard&) = delete;
  shard& operator=(const shard&) = delete;
  ~shard();
  [[nodiscard]] task<> run();

 private:
  // The process of a key. One that was told to end gets no more mail; what comes waits.
  struct tenant {
    explicit tenant(plan_ptr plan) : waiting(std::move(plan)) {}
    pid process;
    steady_time used;
    bool ending = false;
    mail_buffer waiting;
  };
  using table = std::unordered_map<std::string, tenant>;

  [[nodiscard]] task<> take(std::chrono::nanoseconds limit);
  [[nodiscard]] task<> serve();
  // --- mail
  void on_mail(shard_mail mail);
  void on_send(shard_send sent);
  void on_call(message asked);
  [[nodiscard]] bool has_started(const std::string& key, tenant& of);
  void hand_on(tenant& to, shard_mail mail);
  // --- the processes
  void tell_to_end(tenant& who);
  void on_end(table::iterator at);
  void drop_idle();
  void end_all(const exit_reason& why);
  // --- who sends mail
  void on_greeting(const greet_shard& from);
  void on_left(pid region);
  void on_exit(const exit_signal& signal);
  // --- the end
  [[nodiscard]] task<> leave();
  [[nodiscard]] task<> stop();
  void note_counts();

  const context self_;
  const plan_ptr plan_;
  const std::uint32_t number_;
  const std::shared_ptr<shard_tally> tally_;
  std::optional<lease> lease_;
  std::uint64_t token_ = 0;
  table tenants_;
  std::unordered_map<pid, std::string> keys_;  // of the processes
  std::map<pid, monitor_ref> regions_;         // that send mail, ours too
  std::size_t buffered_ = 0;                   // of all tenants
  bool leaving_ = false;                       // no new region may send
  bool closed_ = false;                        // nobody may: what comes now came too late
  bool told_to_leave_ = false;
  bool lost_ = false;
};

// In whatever way this process ends, by `kill` for one: those that do not trap exits end by their
// link, and this is for the others. In good order there are none any more.
shard::~shard() {
  for (const auto& [process, key] : keys_) self_.exit(process, exit_reason::kill);
  plan_->tally->processes.fetch_sub(keys_.size(), std::memory_order_relaxed);
  tally_->token.store(0, std::memory_order_relaxed);
  tally_->processes.store(0, std::memory_order_relaxed);
  tally_->buffered.store(0, std::memory_order_relaxed);
}

task<> shard::run() {
  const pid region = self_.parent();
  lease_plan wanted{.directory = plan_->names.at(),
                    .how = plan_->names.how(),
                    .name = shard_name(*plan_, number_),
                    .process = self_,
                    .waits = true};
  wanted.warn = [plan = plan_](context guard, const std::string& text) {
    warn_of_lease(*plan, guard, text);
  };
  lease_ = co_await take_lease(std::move(wanted), self_);
  self_.trap_exits(true);
  token_ = lease_->token();
  tally_->token.store(token_, std::memory_order_relaxed);
  regions_.emplace(region, self_.monitor(region));
  self_.send(region, shard_here{number_, token_, self_});
  if (plan_->options.idle != infinity)
    self_.send_after(plan_->options.idle / looks_for_idle, self_, look_for_idle{});
  std::exception_ptr failure;
  try {
    co_await serve();
  } catch (...) {
    failure = std::current_exception();  // the processes go first
  }
  co_await stop();
  if (!lost_) co_await plan_->names.release(self_, *lease_);
  if (failure) std::rethrow_exception(failure);
}

task<> shard::serve() {
  while (!told_to_leave_ && !lost_) co_await take(infinity);
  if (!lost_) co_await leave();
}

// One message, or none within the limit.
task<> shard::take(std::chrono::nanoseconds limit) {
  co_await self_.receive(
      [&](shard_mail m) { on_mail(std::move(m)); }, [&](shard_send m) { on_send(std::move(m)); },
      [&](const greet_shard& m) { on_greeting(m); },
      [&](const left_shard& m) { on_left(m.region); }, [&](const exit_signal& m) { on_exit(m); },
      [&](const down& m) { on_left(m.from); }, [&](look_for_idle) { drop_idle(); },
      [&](message m) { on_call(std::move(m)); }, after(limit, [] {}));
  note_counts();
}

void shard::note_counts() {
  tally_->processes.store(keys_.size(), std::memory_order_relaxed);
  tally_->buffered.store(buffered_, std::memory_order_relaxed);
}

// --- mail ---------------------------------------------------------------------------------------

void shard::on_mail(shard_mail mail) {
  // A node that was stopped hears of its lost lease later than its clock can tell.
  if (closed_ || !lease_->held(self_))
    return refuse(*plan_, std::move(mail.what),
                  "shard " + std::to_string(number_) + " has just left this node");
  const auto [at, is_new] = tenants_.try_emplace(mail.key, plan_);
  if (is_new && !has_started(mail.key, at->second)) {
    tenants_.erase(at);
    return refuse(*plan_, std::move(mail.what), std::string(no_process));
  }
  hand_on(at->second, std::move(mail));
}

void shard::hand_on(tenant& to, shard_mail mail) {
  to.used = self_.now();
  if (!to.ending) return self_.send(to.process, std::move(mail.what));
  buffered_ -= to.waiting.size();
  to.waiting.push(std::move(mail));
  buffered_ += to.waiting.size();
}

void shard::on_send(shard_send sent) {
  auto what = unpack(sent.what, message_kind::value, plan_->bounds);
  if (auto* const value = std::get_if<message>(&what))
    on_mail({std::move(sent.key), std::move(*value)});
  else
    refuse(*plan_, message::of(std::move(sent)), std::get<std::string>(what));
}

// The request inside has the caller of the one around it, which must not answer any more.
void shard::on_call(message asked) {
  auto* const call = asked.get_if<request<shard_call>>();
  if (call == nullptr) return;
  auto what = unpack((*call)->what, message_kind::request, plan_->bounds);
  auto* const value = std::get_if<message>(&what);
  if (value == nullptr)
    return call->fail(exit_reason::error("troupe::not_receivable", std::get<std::string>(what)));
  auto& header = *static_cast<core::request_header*>(asked.payload());
  *static_cast<core::request_header*>(value->payload()) = header;
  header.reply_to = {};
  on_mail({std::move((*call)->key), std::move(*value)});
}

// --- the processes ------------------------------------------------------------------------------

bool shard::has_started(const std::string& key, tenant& of) {
  std::atomic<std::size_t>& all = plan_->tally->processes;
  if (all.fetch_add(1, std::memory_order_relaxed) < plan_->options.max_processes) try {
      core::launch_options how;
      how.link = true;
      how.mailbox = plan_->options.mailbox;
      of.process = plan_->start(self_.system().home(), how, shard_key{key, token_});
      of.ending = false;
      keys_.emplace(of.process, key);
      return true;
    } catch (const std::runtime_error& full) {  // the table of processes
      self_.system().log(log_level::error, "sharding " + plan_->name +
                                               " cannot start a process for a key: " + full.what());
    }
  all.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

// It ends when it has read what was sent before; not now if its mailbox is bounded and full.
void shard::tell_to_end(tenant& who) {
  if (who.ending) return;
  who.ending = self_.try_send(
      who.process, message::of(request<sys::terminate>({}, sys::terminate{exit_reason::normal})));
}

void shard::on_end(table::iterator at) {
  plan_->tally->processes.fetch_sub(1, std::memory_order_relaxed);
  tenant& who = at->second;
  buffered_ -= who.waiting.size();
  if (who.waiting.empty() || lost_) return static_cast<void>(tenants_.erase(at));
  core::reached(self_.system().home(), "mail came for a key whose process was ending");
  if (!has_started(at->first, who)) {
    while (!who.waiting.empty()) refuse(*plan_, who.waiting.pop().what, std::string(no_process));
    return static_cast<void>(tenants_.erase(at));
  }
  while (!who.waiting.empty()) self_.send(who.process, who.waiting.pop().what);
  if (closed_) tell_to_end(who);
}

void shard::drop_idle() {
  const steady_time now = self_.now();
  for (auto& [key, who] : tenants_)
    if (now - who.used >= plan_->options.idle) tell_to_end(who);
  self_.send_after(plan_->options.idle / looks_for_idle, self_, look_for_idle{});
}

void shard::end_all(const exit_reason& why) {
  for (const auto& [process, key] : keys_) self_.exit(process, why);
}

// --- who sends mail -----------------------------------------------------------------------------

void shard::on_greeting(const greet_shard& from) {
  if (from.shards != plan_->options.shards)
    return self_.system().log(log_level::error,
                              "sharding " + plan_->name + ": a node has " +
                                  std::to_string(from.shards) + " shards and this one " +
                                  std::to_string(plan_->options.shards) +
                                  ": give sharding_options::shards the same value on all nodes");
  if (leaving_) return;
  const auto [at, is_new] = regions_.try_emplace(from.region);
  if (is_new) at->second = self_.monitor(from.region);
  self_.send(from.region, shard_here{number_, token_, self_});
}

void shard::on_left(pid region) {
  const auto at = regions_.find(region);
  if (at == regions_.end()) return;
  if (at->second) self_.demonitor(at->second);
  regions_.erase(at);
}

void shard::on_exit(const exit_signal& signal) {
  if (const auto key = keys_.extract(signal.from)) {
    if (const auto at = tenants_.find(key.mapped()); at != tenants_.end()) on_end(at);
  } else if (signal.from == lease_->guard()) {
    lost_ = true;
  } else {
    told_to_leave_ = true;  // by our region, or because that has ended
  }
}

// --- the end ------------------------------------------------------------------------------------

// Nobody sends mail any more, then all have read theirs.
task<> shard::leave() {
  leaving_ = true;
  const steady_time end = later(self_.now(), plan_->options.stop_time);
  for (const auto& [region, ref] : regions_)
    self_.send(region, leave_shard{number_, token_, self_});
  while (!regions_.empty() && !lost_ && self_.now() < end) co_await take(end - self_.now());
  closed_ = true;
  for (auto& [key, who] : tenants_) tell_to_end(who);
  while (!keys_.empty() && !lost_ && self_.now() < end) co_await take(end - self_.now());
}

// When this returns no process lives.
task<> shard::stop() {
  leaving_ = closed_ = true;
  if (lost_ && !keys_.empty()) {
    core::reached(self_.system().home(), "a shard with processes lost its lease");
    const steady_time end = later(self_.now(), plan_->names.how().stop_time / 2);
    end_all(exit_reason::shutdown);
    while (!keys_.empty() && self_.now() < end) co_await take(end - self_.now());
  }
  end_all(exit_reason::kill);
  while (!keys_.empty()) co_await take(infinity);
  tally_->token.store(0, std::memory_order_relaxed);
  // What has come too late is refused rather than forgotten.
  while (auto late = co_await self_.receive_within<shard_mail>(no_time)) on_mail(std::move(*late));
}

}  // namespace

process hold_shard(context self, plan_ptr plan, std::uint32_t number,
                   std::shared_ptr<shard_tally> tally) {
  core::mention<request<shard_call>>();  // taken as a message of any type, for its header
  shard one(self, std::move(plan), number, std::move(tally));
  co_await one.run();
}

}  // namespace troupe::net::internal
