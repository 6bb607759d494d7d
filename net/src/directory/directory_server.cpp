#include "directory/directory_server.hpp"

#include <troupe/distribution.hpp>

#include <algorithm>

#include "directory/lease_guard.hpp"
#include "platform/token_file.hpp"

namespace troupe::net {
namespace internal {
namespace {

// How often calls are looked through whose callers have given up.
constexpr auto sweep_time = std::chrono::seconds(10);

exit_reason refused(const std::string& why) {
  return exit_reason::error(std::string(directory_fault), why);
}

}  // namespace

directory_server::directory_server(const directory_options& options,
                                   std::shared_ptr<std::uint64_t> last_token)
    : options_(options), last_token_(std::move(last_token)) {
  *last_token_ = std::max(*last_token_, options_.tokens(self));
  const auto give_after = options_.give_after.value_or(options_.max_ttl);
  if (give_after > std::chrono::nanoseconds::zero())
    self.send_after(give_after, self.id(), begin_giving{});
  else
    gives_ = true;
  self.send_after(sweep_time, self.id(), forget_callers{});
}

std::string directory_server::fault_in(std::string_view name, std::chrono::nanoseconds ttl) const {
  if (name.empty() || name.size() > max_directory_name)
    return "a name has 1 to " + std::to_string(max_directory_name) + " bytes";
  if (ttl <= std::chrono::nanoseconds::zero() || ttl > options_.max_ttl)
    return "the lease of '" + std::string(name) +
           "' is to last longer than directory_options::max_ttl, or no time at all";
  return {};
}

directory_server::entry* directory_server::current(const std::string& name) {
  const auto at = names_.find(name);
  if (at == names_.end()) return nullptr;
  if (at->second.until > self.now()) return &at->second;
  take_out(at);
  return nullptr;
}

void directory_server::enter(const std::string& name, const name_holder& holder,
                             std::chrono::nanoseconds ttl) {
  entry& now = names_[name];
  self.cancel(now.look);  // of a lease of an earlier life
  now = {holder, later(self.now(), ttl),
         self.send_after(ttl, self.id(), look_at_lease{name, holder.token})};
  answer_waiting(name);
}

void directory_server::take_out(table::iterator at) {
  const auto gone = names_.extract(at);
  self.cancel(gone.mapped().look);
  answer_waiting(gone.key());
}

void directory_server::answer_waiting(const std::string& name) {
  const auto at = names_.find(name);
  const name_holder now = at == names_.end() ? name_holder{} : at->second.holder;
  const auto [first, last] = waiting_.equal_range(name);
  for (auto waits = first; waits != last; ++waits) waits->second.reply(now);
  waiting_.erase(first, last);
}

// --- leases -------------------------------------------------------------------------------------

void directory_server::handle(request<claim_name> asked) {
  if (const std::string fault = fault_in(asked->name, asked->ttl); !fault.empty())
    return asked.fail(refused(fault));
  if (entry* const held = current(asked->name)) {
    if (held->holder.guard == asked->guard) held->until = later(self.now(), asked->ttl);
    return asked.reply(held->holder);
  }
  if (!gives_) return asked.reply(name_holder{});
  if (names_.size() >= options_.max_names)
    return asked.fail(refused("it holds directory_options::max_names names already"));
  const name_holder holder{asked->process, asked->guard, ++*last_token_};
  enter(asked->name, holder, asked->ttl);
  asked.reply(holder);
}

bool directory_server::handle(const keep_name& asked) {
  if (!fault_in(asked.name, asked.ttl).empty()) return false;
  entry* const held = current(asked.name);
  if (held == nullptr || held->holder.token < asked.held.token) return restore(asked);
  if (held->holder.token != asked.held.token || held->holder.guard != asked.held.guard)
    return false;
  held->until = later(self.now(), asked.ttl);
  if (held->holder == asked.held) return true;
  held->holder = asked.held;
  answer_waiting(asked.name);
  return true;
}

// An earlier life has given this lease. Of two that name themselves the later one is right: the
// other one had ended when it was given, and does not hear the answer any more.
bool directory_server::restore(const keep_name& asked) {
  if (gives_ || names_.size() >= options_.max_names) return false;
  troupe::internal::reached(self.system().home(),
                            "a directory confirmed a lease of its earlier life");
  *last_token_ = std::max(*last_token_, asked.held.token);
  enter(asked.name, asked.held, asked.ttl);
  return true;
}

void directory_server::handle(const release_name& asked) {
  const auto at = names_.find(asked.name);
  if (at == names_.end() || at->second.holder.guard != asked.held.guard) return;
  take_out(at);
}

void directory_server::handle(const look_at_lease& due) {
  entry* const held = current(due.name);
  if (held == nullptr || held->holder.token != due.token) return;
  held->look = self.send_after(held->until - self.now(), self.id(), look_at_lease(due));
}

void directory_server::handle(begin_giving) {
  gives_ = true;
  while (!waiting_.empty()) answer_waiting(std::string(waiting_.begin()->first));
}

// --- who asks -----------------------------------------------------------------------------------

name_holder directory_server::holder_of(const std::string& name) {
  const entry* const held = current(name);
  return held == nullptr ? name_holder{} : held->holder;
}

name_holder directory_server::handle(const find_name& asked) { return holder_of(asked.name); }

void directory_server::handle(request<await_change> asked) {
  const name_holder now = holder_of(asked->name);
  if (now != asked->known) return asked.reply(now);
  if (waiting_.size() >= options_.max_waiting)
    return asked.fail(refused("directory_options::max_waiting calls wait already"));
  std::string name = asked->name;
  waiting_.emplace(std::move(name), std::move(asked));
}

void directory_server::handle(forget_callers) {
  const steady_time now = self.now();
  std::erase_if(waiting_, [now](const auto& waits) { return waits.second.deadline() <= now; });
  self.send_after(sweep_time, self.id(), forget_callers{});
}

}  // namespace internal

token_source tokens_of_clock() {
  return [](context self) {
    const auto wall = self.system().time()->wall().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(wall).count());
  };
}

token_source tokens_in_file(std::filesystem::path file) {
  return [file = std::move(file)](context) { return internal::take_tokens(file); };
}

child_spec directory_child(std::string id, directory_options options) {
  if (!options.tokens) options.tokens = tokens_of_clock();
  return child<internal::directory_server>(std::move(id), std::move(options),
                                           std::make_shared<std::uint64_t>(0))
      .registered()
      .high_priority();
}

}  // namespace troupe::net
