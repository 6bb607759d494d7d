#include "model/execution.hpp"

#include <cstdio>

namespace troupe::model {

execution* execution::current_ = nullptr;

// --- threads ------------------------------------------------------------------------------------

bool execution::run(const std::function<void(execution&)>& body, int preemptions) {
  current_ = this;
  memory_.reset();
  heap_.reset();
  names_.clear();
  failure_.clear();
  trace_.clear();
  thread_count_ = running_ = steps_ = 0;
  stores_ = 0;
  preemptions_left_ = preemptions;
  start("main", [this, &body] {
    body(*this);
    for (std::size_t i = 1; i < thread_count_; ++i)
      require(threads_[i].doing == state::finished, "the body must join its threads");
    require(heap_.in_use() == 0,
            "leak: " + std::to_string(heap_.in_use()) + " nodes were not freed");
  });
  fiber::change(outside_, threads_[0].stack);
  return failure_.empty();
}

void execution::start(std::string_view name, std::function<void()> body) {
  if (thread_count_ == max_threads) fail("more threads than model::max_threads");
  thread& t = threads_[thread_count_];
  t.name = name;
  t.body = std::move(body);
  t.now = thread_count_ == 0 ? clock{} : here().now;
  t.now.of[thread_count_] = 1;
  ++here().now.of[running_];
  t.doing = state::ready;
  t.noticed = false;
  t.shown_newest_at = thread::never;
  if (!t.prepared) t.stack.prepare(&execution::run_thread, &t);
  t.prepared = true;
  ++thread_count_;
}

void execution::run_thread(void* self) {
  auto& t = *static_cast<thread*>(self);
  for (;;) {
    t.body();
    execution& e = *current_;
    t.doing = state::finished;
    if (&t == &e.threads_[0])
      fiber::change(t.stack, e.outside_);
    else
      e.choose_thread();
  }
}

void execution::join() {
  here().doing = state::joining;
  choose_thread();
  here().doing = state::ready;
  for (std::size_t i = 1; i < thread_count_; ++i) here().now.join(threads_[i].now);
}

void execution::yield() {
  before_operation();
  thread& t = here();
  if (tracing_) note(nullptr, "yields", nullptr);
  t.doing = state::yielding;
  t.stores_seen = stores_;
  choose_thread();
  t.doing = state::ready;
}

bool execution::can_go_on(const thread& t) const noexcept {
  switch (t.doing) {
    case state::ready: return true;
    case state::yielding: return t.stores_seen != stores_;
    case state::joining:
      for (std::size_t i = 1; i < thread_count_; ++i)
        if (threads_[i].doing != state::finished) return false;
      return true;
    case state::sleeping:
    case state::finished: return false;
  }
  return false;
}

void execution::before_operation() {
  if (++steps_ > max_steps) fail("the run does not end: more steps than execution::max_steps");
  if (!here().noticed) return;
  here().noticed = false;
  choose_thread();
}

// To go on with the same thread is the first choice, so that the first run that goes wrong has few
// switches. To leave a thread that could go on counts against the bound.
void execution::choose_thread() {
  std::array<std::size_t, max_threads> ready{};
  std::size_t count = 0;
  const bool could_go_on = can_go_on(here());
  if (could_go_on) ready[count++] = running_;
  if (!could_go_on || preemptions_left_ > 0)
    for (std::size_t i = 0; i < thread_count_; ++i)
      if (i != running_ && can_go_on(threads_[i])) ready[count++] = i;
  const std::size_t next = count == 0 ? someone_stuck() : ready[choices_.choose(count)];
  if (next == running_) return;
  if (could_go_on && preemptions_left_ != no_bound) --preemptions_left_;
  change_to(next);
}

// Nobody can go on. A thread that spins is shown what there is by now; then time passes, which ends
// a sleep that has a limit and is long enough for all stores to be seen; else the program is stuck
// for good.
std::size_t execution::someone_stuck() {
  for (std::size_t i = 0; i < thread_count_; ++i) {
    thread& t = threads_[i];
    if (t.doing != state::yielding || t.shown_newest_at == stores_) continue;
    t.shown_newest_at = stores_;
    memory_.show_newest(i, t.now);
    return i;
  }
  std::array<std::size_t, max_threads> timed{};
  std::size_t count = 0;
  for (std::size_t i = 0; i < thread_count_; ++i)
    if (threads_[i].doing == state::sleeping && !threads_[i].endless) timed[count++] = i;
  if (count == 0) fail(stuck());
  const std::size_t next = timed[choices_.choose(count)];
  threads_[next].doing = state::ready;
  memory_.show_newest(next, threads_[next].now);
  return next;
}

void execution::change_to(std::size_t next) noexcept {
  thread& from = here();
  running_ = next;
  fiber::change(from.stack, threads_[next].stack);
}

void execution::end_run() noexcept {
  for (thread& t : threads_) t.prepared = false;
  fiber::change(here().stack, outside_);
  __builtin_unreachable();
}

// --- what is wrong ------------------------------------------------------------------------------

void execution::fail(const std::string& what) {
  failure_ = what;
  end_run();
}

void execution::refuse(const char* what, const void* object, const char* doing) {
  if (what == nullptr) return;
  if (tracing_) note(object, doing, nullptr);
  fail(std::string(here().name) + " " + doing + " " + describe(object) + ": " + what);
}

std::string execution::stuck() const {
  std::string all = "nobody can go on:";
  for (std::size_t i = 0; i < thread_count_; ++i) {
    const thread& t = threads_[i];
    if (t.doing == state::sleeping)
      all += " " + std::string(t.name) + " sleeps on " + describe(t.sleeps_on) + ";";
    if (t.doing == state::yielding) all += " " + std::string(t.name) + " spins;";
  }
  return all;
}

// --- memory -------------------------------------------------------------------------------------

void execution::destroy(location_id which, const void* object) {
  refuse(memory_.destroy(which, running_, here().now), object, "destroys");
}

bits execution::load(location_id which, const void* object, std::memory_order order,
                     const std::source_location& where) {
  site& s = sites().at(where, operation::load, order);
  s.visited = true;
  if (s.changed == change::weaker) order = s.changed_to;
  before_operation();
  auto [value, wrong] = memory_.load(which, order, running_, here().now, choices_);
  refuse(wrong, object, "loads");
  if (s.changed == change::blind) value = memory_.first(which);
  here().noticed = order == std::memory_order_seq_cst;
  if (tracing_) note(object, "loads " + show(value) + " " + name_of(order), &where);
  return value;
}

void execution::store(location_id which, const void* object, bits value, std::memory_order order,
                      const std::source_location& where) {
  site& s = sites().at(where, operation::store, order);
  s.visited = true;
  if (s.changed == change::dropped) return;
  if (s.changed == change::weaker) order = s.changed_to;
  before_operation();
  refuse(memory_.store(which, value, order, running_, here().now), object, "stores to");
  here().noticed = true;
  ++stores_;
  if (tracing_) note(object, "stores " + show(value) + " " + name_of(order), &where);
}

bits execution::exchange(location_id which, const void* object, std::memory_order order,
                         const std::source_location& where, bits (*make)(bits, bits), bits with) {
  site& s = sites().at(where, operation::exchange, order);
  s.visited = true;
  if (s.changed == change::weaker) order = s.changed_to;
  before_operation();
  bits before = 0;
  if (s.changed == change::torn) {
    const auto got = memory_.load(which, std::memory_order_seq_cst, running_, here().now, choices_);
    refuse(got.wrong, object, "exchanges");
    before = got.value;
    here().noticed = true;
    before_operation();
    refuse(memory_.store(which, make(before, with), order, running_, here().now), object,
           "exchanges");
  } else {
    const auto done = memory_.exchange(which, order, running_, here().now,
                                       [&](bits old) { return make(old, with); });
    refuse(done.wrong, object, "exchanges");
    before = done.before;
  }
  here().noticed = true;
  ++stores_;
  if (tracing_)
    note(object,
         "exchanges " + show(before) + " for " + show(make(before, with)) + " " + name_of(order),
         &where);
  return before;
}

bool execution::compare_exchange(location_id which, const void* object, bits& expected, bits wanted,
                                 std::memory_order success, std::memory_order failure,
                                 const std::source_location& where) {
  site& s = sites().at(where, operation::compare_exchange, success, failure);
  s.visited = true;
  if (s.changed == change::weaker) success = s.changed_to;
  if (s.changed == change::weaker_failure) failure = s.changed_to;
  before_operation();
  memory::swapped done;
  if (s.changed == change::torn) {
    const auto got = memory_.load(which, std::memory_order_seq_cst, running_, here().now, choices_);
    done = {got.value, got.value == expected, got.wrong};
    here().noticed = true;
    if (done.done) {
      before_operation();
      done.wrong = memory_.store(which, wanted, success, running_, here().now);
    }
  } else {
    done = memory_.compare_exchange(which, expected, wanted, success, failure, running_, here().now,
                                    choices_);
  }
  refuse(done.wrong, object, "compares and exchanges");
  here().noticed = done.done || failure == std::memory_order_seq_cst;
  if (done.done) ++stores_;
  if (tracing_)
    note(object,
         done.done ? "exchanges " + show(expected) + " for " + show(wanted) + " " + name_of(success)
                   : "finds " + show(done.before) + " instead of " + show(expected) + " " +
                         name_of(failure),
         &where);
  expected = done.done ? expected : done.before;
  return done.done;
}

void execution::read_plain(location_id which, const void* object) {
  refuse(memory_.read_plain(which, running_, here().now), object, "reads");
}

void execution::write_plain(location_id which, const void* object) {
  refuse(memory_.write_plain(which, running_, here().now), object, "writes");
}

bool execution::check(bool value, const std::source_location& where) {
  site& s = sites().at(where, operation::check, std::memory_order_seq_cst);
  s.visited = true;
  return s.changed == change::none && value;
}

// As a futex does: the comparison and falling asleep are one step.
void execution::sleep_while(location_id which, const void* object, bits expected, bool endless) {
  before_operation();
  thread& t = here();
  t.noticed = true;
  if (memory_.newest(which) != expected) return;
  if (tracing_) note(object, "sleeps on", nullptr);
  t.doing = state::sleeping;
  t.sleeps_on = object;
  t.endless = endless;
  t.noticed = false;
  choose_thread();
}

void execution::wake_one(const void* object, const std::source_location& where) {
  site& s = sites().at(where, operation::check, std::memory_order_seq_cst);
  s.visited = true;
  if (s.changed != change::none) return;
  before_operation();
  here().noticed = true;
  if (tracing_) note(object, "wakes who sleeps on", &where);
  for (std::size_t i = 0; i < thread_count_; ++i) {
    thread& t = threads_[i];
    if (t.doing != state::sleeping || t.sleeps_on != object) continue;
    t.doing = state::ready;
    return;
  }
}

void* execution::allocate(std::size_t size) { return heap_.allocate(size); }

void execution::deallocate(void* memory) {
  if (tracing_) note(memory, "frees", nullptr);
  refuse(heap_.deallocate(memory), memory, "frees");
  here().noticed = true;  // another thread may now get the same address
}

// --- the trace ----------------------------------------------------------------------------------

std::string execution::name_of(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed: return "relaxed";
    case std::memory_order_acquire: return "acquire";
    case std::memory_order_release: return "release";
    case std::memory_order_acq_rel: return "acq_rel";
    default: return "seq_cst";
  }
}

// "node 2", "mailbox +8", or nothing for an address of which nobody has given the name.
std::string execution::name_at(std::uintptr_t address) const {
  if (std::string node = heap_.name_of(address); !node.empty()) return node;
  for (const named& n : names_) {
    if (address < n.begin || address >= n.begin + n.size) continue;
    const auto offset = address - n.begin;
    return std::string(n.what) + (offset == 0 ? "" : " +" + std::to_string(offset));
  }
  return {};
}

std::string execution::describe(const void* object) const {
  const std::string name = name_at(reinterpret_cast<std::uintptr_t>(object));
  return name.empty() ? "something without a name" : name;
}

std::string execution::show(bits value) const {
  if (const std::string name = name_at(value); !name.empty()) return name;
  char text[20];
  std::snprintf(text, sizeof text, value < 100'000 ? "%llu" : "0x%llx",
                static_cast<unsigned long long>(value));
  return text;
}

void execution::note(const void* object, const std::string& what,
                     const std::source_location* where) {
  std::string line = "  " + std::string(here().name);
  line.resize(std::max<std::size_t>(line.size() + 1, 16), ' ');
  line += object == nullptr ? std::string() : describe(object);
  line.resize(std::max<std::size_t>(line.size() + 1, 36), ' ');
  line += what;
  if (where != nullptr) {
    const std::string_view file = where->file_name();
    line.resize(std::max<std::size_t>(line.size() + 1, 84), ' ');
    line += std::string(file.substr(file.rfind('/') + 1)) + ":" + std::to_string(where->line());
  }
  trace_ += line + "\n";
}

}  // namespace troupe::model
