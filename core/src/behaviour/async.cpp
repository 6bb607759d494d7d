#include <troupe/async.hpp>

#include "process/relations.hpp"

#include <algorithm>
#include <stdexcept>

namespace troupe {
namespace internal {

// --- in the task's process ----------------------------------------------------------------------

job::~job() {
  if (asked.reply_to) abandon(asked);
}

// The link is taken back first, so that an owner which traps exits has no `normal` to read.
void job::answer(context self, message_node* result) {
  if (asked.reply_to) self.unlink(asked.reply_to);
  send_reply(asked, result);
}

namespace {

process run_job(context self, std::unique_ptr<job> work) {
  ties_of(*running.slot).serving = work->asked.deadline;
  co_await work->run(self);
}

// --- in the owner's -----------------------------------------------------------------------------

[[noreturn]] void refuse_stranger(pid owner) {
  throw std::logic_error(
      fmt::format("troupe: only {}, which started this task, can use its result; await it there "
                  "and send the value",
                  to_string(owner)));
}

}  // namespace

struct job_handle::state {
  explicit state(std::chrono::nanoseconds limit) : header(call_header(limit)) {
    header.ref = place.ref;
  }
  [[nodiscard]] bool owned() const noexcept {
    return running.slot != nullptr && running.home == header.home &&
           id_of(*running.slot) == header.reply_to;
  }
  [[nodiscard]] const exit_reason* failure() const noexcept {
    const message_node* const node = place.node;
    if (node == nullptr || node->type != &message_type_of<failed_reply>) return nullptr;
    return &static_cast<const failed_reply*>(node->payload())->value;
  }
  // A failure whose exit signal is on its way and will end the owner: it is not seen, so that the
  // owner ends with the task's reason whichever of the two is looked at first.
  [[nodiscard]] bool ends_owner() const noexcept {
    const exit_reason* const why = failure();
    if (why == nullptr || *why == exit_reason::normal || running.slot->traps_exits) return false;
    const auto& links = running.slot->ties->links;
    const auto link = links.find(process);
    return link != links.end() && link->second.active;
  }

  reply_slot place;
  request_header header;  // as in the job
  std::string_view behaviour;
  pid process;
  bool taken = false;
  bool detached = false;
};

job_handle::job_handle(std::unique_ptr<state> started) noexcept : state_(std::move(started)) {}
job_handle::job_handle(job_handle&& other) noexcept = default;
job_handle& job_handle::operator=(job_handle&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
job_handle::~job_handle() {
  if (state_ != nullptr) end();
}

void job_handle::end() noexcept {
  const bool ends = state_->process && !state_->detached;
  engine& home = *state_->header.home;
  if (!state_->owned()) {
    // Its place is in a list of the owner's, which only the owner may touch: it is left there.
    home.log(log_level::error,
             "the handle of task {} was destroyed outside of its owner {}: the task is killed",
             to_string(state_->process), to_string(state_->header.reply_to));
    if (ends)
      home.deliver(state_->process,
                   make_node<exit_sent>(state_->header.reply_to, exit_reason::kill, false));
    [[maybe_unused]] const state* const left_there = state_.release();
    return;
  }
  if (!ends || done()) return;
  const context self = context::current();
  self.unlink(state_->process);
  self.exit(state_->process, exit_reason::kill);
}

pid job_handle::process() const noexcept { return state_->process; }
steady_time job_handle::deadline() const noexcept { return state_->header.deadline; }

bool job_handle::done() const {
  if (!state_->owned()) refuse_stranger(state_->header.reply_to);
  return state_->place.node != nullptr || state_->taken;
}

bool job_handle::failed() const { return done() && state_->failure() != nullptr; }

message_node* job_handle::take(const message_type& wanted) {
  if (!done()) return take_reply(state_->place, wanted);
  if (std::exchange(state_->taken, true))
    throw std::logic_error(
        fmt::format("troupe: the result of task {} was taken before", to_string(state_->process)));
  return take_reply(state_->place, wanted);
}

task<bool> job_handle::stop(std::chrono::nanoseconds limit) {
  if (done()) co_return false;
  const context self = context::current();
  const bool at_once = limit <= std::chrono::nanoseconds::zero();
  job_handle* const one = this;
  self.unlink(state_->process);
  if (!at_once) {
    self.exit(state_->process, exit_reason::shutdown);
    const steady_time deadline = limit == infinity ? steady_time::max() : later(self.now(), limit);
    co_await await_jobs({&one, 1}, until::all_done, deadline);
  }
  if (!done()) {
    self.exit(state_->process, exit_reason::kill);
    co_await await_jobs({&one, 1}, until::all_done, steady_time::max());
  }
  const exit_reason* const why = state_->failure();
  co_return why != nullptr &&
      (at_once ? *why == exit_reason::killed : why->what() == exit_reason::kind::shutdown);
}

void job_handle::detach() {
  if (!done()) context::current().unlink(state_->process);
  state_->detached = true;
}

// --- waiting ------------------------------------------------------------------------------------

class [[nodiscard]] results_wait : public wait {
 public:
  results_wait(job_handles all, until what, steady_time end) : all_(all), what_(what), end_(end) {
    for (const job_handle* one : all) (void)one->done();  // throws in a stranger
    over = [](wait& self, process_slot&) {
      return self.expired || static_cast<results_wait&>(self).satisfied();
    };
  }
  [[nodiscard]] bool await_ready() {
    if (ready()) return true;
    process_slot& slot = *running.slot;
    if (slot.ending || slot.yielded || running.home->options.time->now() < end_) return false;
    expired = true;
    if (running.budget-- > 0) return true;
    slot.yielded = true;  // others have their turn first
    return false;
  }
  void await_suspend(std::coroutine_handle<> leaf) {
    if (!expired) arm_until(end_);
    suspend(leaf);
  }
  static constexpr void await_resume() noexcept {}

 private:
  [[nodiscard]] bool satisfied() {
    for (; seen_ < all_.size() && is_done(*all_[seen_]); ++seen_)
      if (is_enough(*all_[seen_])) return true;
    if (seen_ == all_.size()) return true;
    if (what_ == until::all_done) return false;
    const auto rest = all_.subspan(seen_);
    return std::any_of(rest.begin(), rest.end(),
                       [this](const job_handle* one) { return is_done(*one) && is_enough(*one); });
  }
  [[nodiscard]] bool is_enough(const job_handle& done) const {
    return what_ == until::one_done || (what_ == until::one_failed && done.failed());
  }
  [[nodiscard]] static bool is_done(const job_handle& one) {
    return one.done() && !one.state_->ends_owner();
  }

  job_handles all_;
  until what_;
  steady_time end_;
  std::size_t seen_ = 0;  // so many, the first ones, are done
};

task<> await_jobs(job_handles all, until what, steady_time deadline) {
  results_wait wait(all, what, deadline);
  co_await wait;
}

task<> await_job(job_handle& one, std::chrono::nanoseconds limit) {
  job_handle* const all = &one;
  co_await await_jobs({&all, 1}, until::all_done, wait_limit(limit));
}

steady_time wait_limit(std::chrono::nanoseconds limit) {
  return give_up_time(call_header(limit), limit);
}

void check_jobs(job_handles all) {
  const auto refuse = [](const job_handle::state& job, exit_reason why) {
    throw call_error(job.behaviour, to_string(job.process), std::move(why));
  };
  for (const job_handle* one : all)
    if (one->failed()) refuse(*one->state_, *one->state_->failure());
  for (const job_handle* one : all)
    if (!one->done())
      refuse(*one->state_,
             exit_reason::error("troupe::timeout", "it is not through within the time allowed"));
}

// --- starting -----------------------------------------------------------------------------------

job_handle start_job(context self, std::unique_ptr<job> work, std::chrono::nanoseconds limit) {
  (void)self.id();  // ends the program if this is another process
  auto started = std::make_unique<job_handle::state>(limit);
  work->asked = started->header;
  launch_options options;
  options.link = true;
  started->behaviour = work->behaviour;
  started->process =
      launch(*running.home, options, started->behaviour, run_job, std::move(work)).id;
  return job_handle(std::move(started));
}

task<job_handle> start_job_under(context self, destination tasks, std::unique_ptr<job> work,
                                 std::chrono::nanoseconds limit) {
  auto started = std::make_unique<job_handle::state>(limit);
  work->asked = started->header;
  started->behaviour = work->behaviour;
  started->process = co_await start_job_alone(self, std::move(tasks), std::move(work));
  co_return job_handle(std::move(started));
}

task<pid> start_job_alone(context self, destination tasks, std::unique_ptr<job> work) {
  co_return co_await self.call(tasks, start_with<boxed_job>(boxed_job(std::move(work))));
}

}  // namespace internal

child_template<internal::boxed_job> tasks() {
  using internal::boxed_job;
  const auto launch_one = [](internal::engine& home, const internal::launch_options& options,
                             const boxed_job& boxed) {
    std::unique_ptr<internal::job> work = boxed.take();
    const std::string_view behaviour = work->behaviour;
    return internal::launch(home, options, behaviour, internal::run_job, std::move(work)).id;
  };
  return child_template<boxed_job>(internal::make_template<boxed_job>(launch_one, false))
      .temporary();
}

}  // namespace troupe
