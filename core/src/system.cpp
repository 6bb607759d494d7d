#include <troupe/system.hpp>

#include "platform/threads.hpp"
#include "process/internal_signals.hpp"
#include "process/relations.hpp"
#include "runtime/engine.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace troupe {
namespace internal {

outside_wait::outside_wait(engine& home) : home_(home) {
  if (running.home == &home)
    throw std::logic_error(
        "troupe: system::call, run and supervise wait on a thread and must not be used inside a "
        "process: co_await self.call(...) there");
}

void outside_wait::wait(pid process) { home_.turns->wait(done_, process); }

outside_wait::notice::~notice() {
  // The wait may be destroyed right after the store; the wake-up only names its address.
  std::uint32_t& word = target_.done_;
  std::atomic_ref(word).store(1, std::memory_order_release);
  platform::futex_wake_one(&word);
}

}  // namespace internal

namespace {

// Ends all processes but this one and waits until they are gone.
task<> end_all(context self, internal::engine& home) {
  // Pairs with newborn::start: it makes its generation odd, then looks whether the system closes.
  home.closing.store(true, std::memory_order_seq_cst);
  internal::ties_of(*internal::running.slot).next_alarm = ~std::size_t{0};  // all will tell it
  std::atomic_thread_fence(std::memory_order_seq_cst);
  for (;;) {
    std::map<monitor_ref, pid> left;
    home.table.each([&](pid p) {
      if (p != self.id()) left.emplace(self.monitor(p), p);
    });
    if (left.empty()) co_return;
    for (const auto& [ref, p] : left) {
      // The first ends those that do not trap exits and lets servers say goodbye; the second ends
      // the others.
      self.exit(p, exit_reason::shutdown);
      self.exit(p, exit_reason::kill);
    }
    while (!left.empty()) {
      const auto ended = co_await self.receive_within<down>(home.options.stop_report_after);
      if (ended) {
        left.erase(ended->ref);
        continue;
      }
      std::string names;
      for (const auto& [ref, p] : left) {
        if (names.size() > 200) break;
        names += ' ' + to_string(p);
      }
      home.log(log_level::warning,
               "the system is stopping and waits for {} processes that do not return from what "
               "they do:{}",
               left.size(), names);
    }
  }
}

template <class Counts>
Counts sum_of(const internal::engine& home) {
  Counts sum;
  home.turns->each_tally([&](const internal::tally& t) { t.add_to(sum); });
  home.outside.add_to(sum);
  return sum;
}

}  // namespace

system::system(system_options options)
    : engine_(new internal::engine(*this, std::move(options)),
              [](internal::engine* e) { delete e; }) {}

system::~system() {
  std::vector<pid> trees;
  {
    const std::lock_guard lock(engine_->mutex);
    trees = engine_->trees;
  }
  engine_->table.add_spare();
  run([&](context self) -> task<> {
    while (!trees.empty()) {
      const monitor_ref ref = self.monitor(trees.back());
      exit(trees.back(), exit_reason::shutdown);
      (void)co_await self.receive<down>([&](const down& d) { return d.ref == ref; });
      trees.pop_back();
    }
    co_await end_all(self, *engine_);
  });
  engine_->turns->stop();
}

void system::exit(pid to, const exit_reason& reason) {
  engine_->deliver(to, internal::make_node<internal::exit_sent>(pid{}, reason, false));
}

pid system::whereis(std::string_view name) { return engine_->names.find(name); }

bool system::alive(pid process) {
  return !process.local() || engine_->table.find(process) != nullptr;
}

pid system::start_tree(const child_spec& top) {
  const pid tree = run([&](context self) -> task<pid> {
    internal::launch_options options;
    options.monitor = options.announce = true;
    const pid made = top.record().start(*engine_, options);
    exit_reason failure;
    const bool started = co_await self.receive([](internal::init_done) { return true; },
                                               [&](down d) {
                                                 failure = std::move(d.reason);
                                                 return false;
                                               });
    if (!started) throw start_failed("the supervision tree", std::move(failure));
    co_return made;
  });
  const std::lock_guard lock(engine_->mutex);
  std::erase_if(engine_->trees, [&](pid old) { return !alive(old); });
  engine_->trees.push_back(tree);
  return tree;
}

system_counts system::counts() const {
  auto sum = sum_of<system_counts>(*engine_);
  sum.names = static_cast<std::int64_t>(engine_->names.size());
  return sum;
}

troupe::message_counts system::message_counts() const {
  auto sum = sum_of<troupe::message_counts>(*engine_);
  sum.queued_bytes = engine_->budget.used.load(std::memory_order_relaxed);
  return sum;
}

std::size_t system::workers() const noexcept { return engine_->turns->workers(); }

void system::log(log_level level, std::string_view text) const noexcept {
  engine_->options.log->write(level, text);
}

const std::shared_ptr<clock>& system::time() const noexcept { return engine_->options.time; }
const std::shared_ptr<entropy>& system::random() const noexcept { return engine_->options.random; }

}  // namespace troupe
