#pragma once

#include "model/choices.hpp"
#include "model/fiber.hpp"
#include "model/memory.hpp"
#include "model/node_heap.hpp"
#include "model/sites.hpp"

#include <array>
#include <functional>
#include <limits>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::model {

inline constexpr int no_bound = std::numeric_limits<int>::max();

// One run of a modelled program: its threads, one of which runs at a time, and its memory. Which
// goes on is chosen after each operation that others could notice: stores, read-modify-writes,
// sequentially consistent loads, waits and frees. A weaker load need not be one of them: whatever
// it can give, it can give as well if it is executed later.
class execution {
 public:
  // Steps after which a run counts as endless.
  static constexpr std::size_t max_steps = 20'000;

  explicit execution(choices& from) : choices_(from) {}

  // Runs the program to its end under the choices; true if nothing was wrong.
  bool run(const std::function<void(execution&)>& body, int preemptions);
  void keep_trace(bool on) noexcept { tracing_ = on; }
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  [[nodiscard]] const std::string& trace() const noexcept { return trace_; }

  // --- for the body of a program, which is its first thread ---

  // Starts a thread that runs the function, which must live until `join` has returned.
  void start(std::string_view name, std::function<void()> body);
  // Waits for the end of all threads.
  void join();
  // How traces name what lies in an object.
  template <class T>
  void name(std::string_view what, const T& object) {
    names_.push_back({reinterpret_cast<std::uintptr_t>(&object), sizeof(T), what});
  }

  // --- for all threads ---

  // The run is wrong if the condition is false.
  void require(bool condition, std::string_view otherwise) {
    if (!condition) fail(std::string(otherwise));
  }
  [[noreturn]] void fail(const std::string& what);
  // Goes on when another thread has stored something; what loads give then is not endlessly old.
  void yield();

  // --- for the policy ---

  location_id make_atomic(bits initial) {
    thread& t = here();
    return memory_.make_atomic(initial, running_, t.now);
  }
  location_id make_plain() { return memory_.make_plain(running_, here().now); }
  void destroy(location_id which, const void* object);
  bits load(location_id which, const void* object, std::memory_order order,
            const std::source_location& where);
  void store(location_id which, const void* object, bits value, std::memory_order order,
             const std::source_location& where);
  bits exchange(location_id which, const void* object, std::memory_order order,
                const std::source_location& where, bits (*make)(bits before, bits with), bits with);
  bool compare_exchange(location_id which, const void* object, bits& expected, bits wanted,
                        std::memory_order success, std::memory_order failure,
                        const std::source_location& where);
  void read_plain(location_id which, const void* object);
  void write_plain(location_id which, const void* object);
  bool check(bool value, const std::source_location& where);
  void sleep_while(location_id which, const void* object, bits expected, bool endless);
  void wake_one(const void* object, const std::source_location& where);
  [[nodiscard]] void* allocate(std::size_t size);
  void deallocate(void* memory);

  static execution& current() noexcept { return *current_; }

  [[nodiscard]] static std::string name_of(std::memory_order order);

 private:
  enum class state : std::uint8_t { ready, sleeping, yielding, joining, finished };
  struct thread {
    std::string_view name;
    std::function<void()> body;
    fiber stack;
    clock now;
    state doing = state::finished;
    bool noticed = false;  // others may have noticed what it did last: one may go on instead
    bool endless = true;   // its sleep
    const void* sleeps_on = nullptr;
    std::uint64_t stores_seen = 0;          // when it yielded
    std::uint64_t shown_newest_at = never;  // the number of stores when it was last shown all
    bool prepared = false;

    static constexpr std::uint64_t never = ~std::uint64_t{0};
  };
  struct named {
    std::uintptr_t begin;
    std::size_t size;
    std::string_view what;
  };

  [[nodiscard]] thread& here() noexcept { return threads_[running_]; }
  static void run_thread(void* self);
  [[nodiscard]] bool can_go_on(const thread& t) const noexcept;
  void before_operation();
  void choose_thread();
  std::size_t someone_stuck();
  void change_to(std::size_t next) noexcept;
  [[noreturn]] void end_run() noexcept;
  // A null `what` is nothing wrong.
  void refuse(const char* what, const void* object, const char* doing);
  [[nodiscard]] std::string stuck() const;

  [[nodiscard]] std::string name_at(std::uintptr_t address) const;
  [[nodiscard]] std::string describe(const void* object) const;
  [[nodiscard]] std::string show(bits value) const;
  void note(const void* object, const std::string& what, const std::source_location* where);

  static execution* current_;
  choices& choices_;
  memory memory_;
  node_heap heap_;
  std::array<thread, max_threads> threads_;
  std::size_t thread_count_ = 0;
  std::size_t running_ = 0;
  int preemptions_left_ = 0;
  std::size_t steps_ = 0;
  std::uint64_t stores_ = 0;
  fiber outside_;
  bool tracing_ = false;
  std::string failure_;
  std::string trace_;
  std::vector<named> names_;
};

}  // namespace troupe::model
