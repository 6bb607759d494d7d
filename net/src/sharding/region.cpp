#include "sharding/region.hpp"

#include <troupe/distribution.hpp>
#include <troupe/groups.hpp>

#include <charconv>
#include <map>
#include <set>

#include "cluster/cluster.hpp"
#include "sharding/placement.hpp"
#include "sharding/shard.hpp"

namespace troupe::net::internal {

namespace core = troupe::internal;

namespace {

// The scope of the groups by which regions find each other.
constexpr std::string_view scope = "troupe.sharding";
// How often what could not be done is tried again: a shard that cannot be reached is greeted, one
// whose process failed here is started.
constexpr auto retry_pause = std::chrono::seconds(1);

// To itself.
struct look_again {};

class region {
 public:
  region(context self, plan_ptr plan, std::shared_ptr<cluster> here)
      : self_(self),
        plan_(std::move(plan)),
        here_(std::move(here)),
        groups_(self.system(), scope),
        hosts_(plan_->start != nullptr) {
    for (std::size_t i = 0; i < plan_->options.shards; ++i) routes_.emplace_back(plan_);
  }
  [[nodiscard]] task<> run();

 private:
  // What this node knows of one shard, and its mail that waits.
  struct route {
    explicit route(plan_ptr plan) : waiting(std::move(plan)) {}
    pid watch;         // tells what the directory says; none: nobody has asked
    name_holder told;  // by it
    pid greeted;       // whom we expect to have the shard, and monitor
    monitor_ref ref;
    pid home;                // who takes mail for it, and has said so; none: mail waits
    std::uint64_t left = 0;  // the greatest token that is known to be over
    mail_buffer waiting;
    pid own;  // the shard's process here, which may not have its lease yet
    bool told_to_leave = false;
    std::shared_ptr<shard_tally> tally = std::make_shared<shard_tally>();
  };

  // --- who belongs where
  void join();
  void rebalance();
  void start_or_stop(std::uint32_t number);
  [[nodiscard]] std::string node_of(pid process) const;
  // --- mail
  void on_mail(shard_mail mail);
  void hand_on(pid home, shard_mail mail);
  void look_for(std::uint32_t number);
  // --- where shards are
  void on_change(const name_changed& news);
  void meet(std::uint32_t number);
  void on_here(const shard_here& from);
  void on_leave(const leave_shard& from);
  void lose(route& of);
  void on_down(const down& what);
  void on_exit(const exit_signal& signal);
  void look();
  [[nodiscard]] sharding_status status() const;
  // --- the end
  void begin_to_stop(const exit_reason& why);
  [[nodiscard]] bool has_ended() const { return stopping_ && shards_here_ == 0; }

  const context self_;
  const plan_ptr plan_;
  const std::shared_ptr<cluster> here_;
  const groups groups_;
  const bool hosts_;
  std::multiset<pid> regions_;            // members of the group
  std::set<std::string> members_;         // their nodes
  std::deque<route> routes_;              // by number of the shard
  std::map<pid, std::uint32_t> numbers_;  // of watches and of shards here
  std::map<monitor_ref, std::uint32_t> monitors_;
  std::size_t shards_here_ = 0;
  bool stopping_ = false;
  exit_reason why_;
};

task<> region::run() {
  self_.trap_exits(true);
  if (hosts_) join();
  self_.send_after(retry_pause, self_, look_again{});
  while (!has_ended())
    co_await self_.receive(
        [&](shard_mail m) { on_mail(std::move(m)); }, [&](const name_changed& m) { on_change(m); },
        [&](const shard_here& m) { on_here(m); }, [&](const leave_shard& m) { on_leave(m); },
        [&](const groups::joined& m) {
          regions_.insert(m.processes.begin(), m.processes.end());
          rebalance();
        },
        [&](const groups::left& m) {
          for (const pid gone : m.processes)
            if (const auto at = regions_.find(gone); at != regions_.end()) regions_.erase(at);
          rebalance();
        },
        [&](const down& m) { on_down(m); }, [&](const exit_signal& m) { on_exit(m); },
        [&](look_again) { look(); }, [&](request<ask_status> r) { r.reply(status()); });
  self_.exit(why_);
}

// --- who belongs where --------------------------------------------------------------------------

void region::join() {
  groups_.join(plan_->name, self_);
  const auto begun = groups_.monitor(self_, plan_->name);
  regions_.insert(begun.members.begin(), begun.members.end());
  rebalance();
}

std::string region::node_of(pid process) const {
  return process.local() ? here_->name() : here_->identity_of(process.node).name;
}

void region::rebalance() {
  members_.clear();
  for (const pid each : regions_) members_.insert(node_of(each));
  for (std::uint32_t i = 0; i < routes_.size(); ++i) start_or_stop(i);
}

void region::start_or_stop(std::uint32_t number) {
  route& of = routes_[number];
  const bool belongs_here =
      hosts_ && !stopping_ && owner_of(number, members_) == std::string_view(here_->name());
  if (belongs_here && !of.own) {
    of.own = self_.spawn_link(hold_shard, plan_, number, of.tally);
    of.told_to_leave = false;
    numbers_.emplace(of.own, number);
    ++shards_here_;
  } else if (!belongs_here && of.own && !std::exchange(of.told_to_leave, true)) {
    self_.exit(of.own, exit_reason::shutdown);
  }
}

// --- mail ---------------------------------------------------------------------------------------

void region::on_mail(shard_mail mail) {
  const std::uint32_t number = shard_of(mail.key, routes_.size());
  route& of = routes_[number];
  if (of.home) return hand_on(of.home, std::move(mail));
  of.waiting.push(std::move(mail));
  look_for(number);
}

void region::hand_on(pid home, shard_mail mail) {
  if (home.local()) return self_.send(home, std::move(mail));
  packed_message packed;
  if (const auto why = pack(packed, mail.what, plan_->bounds))
    return refuse(*plan_, std::move(mail.what), *why);
  if (mail.what.type().kind != message_kind::request)
    return self_.send(home, shard_send{std::move(mail.key), std::move(packed)});
  // The caller waits for the answer to this request from now on, wherever that comes from.
  auto& header = *static_cast<core::request_header*>(mail.what.payload());
  const core::request_header caller = header;
  header.reply_to = {};
  self_.send(home, message::of(request<shard_call>(
                       caller, shard_call{std::move(mail.key), std::move(packed)})));
}

void region::look_for(std::uint32_t number) {
  route& of = routes_[number];
  if (of.watch) return;
  of.watch = plan_->names.watch(self_, shard_name(*plan_, number));
  numbers_.emplace(of.watch, number);
}

// --- where shards are ---------------------------------------------------------------------------

void region::on_change(const name_changed& news) {
  std::uint32_t number = 0;
  const char* const end = news.name.data() + news.name.size();
  std::from_chars(news.name.data() + plan_->name.size() + 1, end, number);
  if (number >= routes_.size()) return;
  routes_[number].told = news.holder;
  meet(number);
}

// Greets who has the shard, unless that is done; again if it has not answered.
void region::meet(std::uint32_t number) {
  route& of = routes_[number];
  const pid now = of.told.process;
  if (!now || of.told.token <= of.left || of.home == now) return;
  if (of.greeted != now) {
    lose(of);
    of.greeted = now;
    of.ref = self_.monitor(now);
    monitors_.emplace(of.ref, number);
  }
  self_.send(now, greet_shard{self_, routes_.size()});
}

void region::on_here(const shard_here& from) {
  if (from.number >= routes_.size()) return;
  route& of = routes_[from.number];
  if (from.process == of.own) lose(of);
  if (from.process != of.own && from.process != of.greeted) return;
  if (from.token <= of.left || of.home == from.process) return;
  of.home = from.process;
  of.left = std::max(of.left, from.token - 1);  // all leases before this one are over
  while (!of.waiting.empty()) hand_on(of.home, of.waiting.pop());
}

void region::on_leave(const leave_shard& from) {
  if (from.number >= routes_.size()) return;
  route& of = routes_[from.number];
  of.left = std::max(of.left, from.token);
  if (of.home == from.process || of.greeted == from.process) lose(of);
  self_.send(from.process, left_shard{self_});
  meet(from.number);
}

void region::lose(route& of) {
  if (of.ref) {
    self_.demonitor(of.ref);
    monitors_.erase(of.ref);
  }
  of.ref = {};
  of.greeted = {};
  of.home = {};
}

// It has ended, or cannot be reached: then it is greeted again after a while.
void region::on_down(const down& what) {
  const auto at = monitors_.find(what.ref);
  if (at != monitors_.end()) lose(routes_[at->second]);
}

void region::on_exit(const exit_signal& signal) {
  const auto at = numbers_.find(signal.from);
  if (at == numbers_.end()) {
    if (signal.reason != exit_reason::normal) begin_to_stop(signal.reason);
    return;
  }
  const std::uint32_t number = at->second;
  numbers_.erase(at);
  route& of = routes_[number];
  if (signal.from == of.watch) {
    of.watch = {};
    return;
  }
  --shards_here_;
  of.own = {};
  if (of.home == signal.from) lose(of);
  // One that has failed waits: it would fail again.
  if (signal.reason.expected()) start_or_stop(number);
}

void region::look() {
  const steady_time now = self_.now();
  for (std::uint32_t i = 0; i < routes_.size(); ++i) {
    route& of = routes_[i];
    if (!stopping_) start_or_stop(i);
    if (of.waiting.empty()) continue;
    of.waiting.drop_expired(now);
    if (of.home) continue;
    look_for(i);
    meet(i);
  }
  self_.send_after(retry_pause, self_, look_again{});
}

sharding_status region::status() const {
  sharding_status all;
  all.members.assign(members_.begin(), members_.end());
  for (std::uint32_t i = 0; i < routes_.size(); ++i) {
    const route& of = routes_[i];
    const pid home = of.home ? of.home : of.told.process;
    all.shards.push_back(
        {.number = i,
         .node = home ? node_of(home) : std::string(owner_of(i, members_)),
         .token = of.tally->token.load(std::memory_order_relaxed),
         .processes = of.tally->processes.load(std::memory_order_relaxed),
         .buffered = of.waiting.size() + of.tally->buffered.load(std::memory_order_relaxed)});
  }
  all.processes = plan_->tally->processes.load(std::memory_order_relaxed);
  all.buffered = plan_->tally->buffered.load(std::memory_order_relaxed);
  all.refused = plan_->tally->refused.load(std::memory_order_relaxed);
  return all;
}

// --- the end ------------------------------------------------------------------------------------

// The shards are handed over; until they have gone, mail passes as ever.
void region::begin_to_stop(const exit_reason& why) {
  if (std::exchange(stopping_, true)) return;
  why_ = why;
  if (hosts_) groups_.leave(plan_->name, self_);
  for (std::uint32_t i = 0; i < routes_.size(); ++i) start_or_stop(i);
}

}  // namespace

process run_region(context self, plan_ptr plan, std::shared_ptr<cluster> here) {
  region one(self, std::move(plan), std::move(here));
  co_await one.run();
}

}  // namespace troupe::net::internal
