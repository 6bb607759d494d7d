#pragma once

#include "model/execution.hpp"

#include <chrono>
#include <concepts>
#include <cstring>
#include <utility>

namespace troupe::model {

template <class T>
bits to_bits(T value) noexcept {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(bits));
  bits all = 0;
  std::memcpy(&all, &value, sizeof(T));
  return all;
}
template <class T>
T from_bits(bits all) noexcept {
  T value{};
  std::memcpy(&value, &all, sizeof(T));
  return value;
}

// std::atomic<T> in the modelled memory. Each operation also takes the place in the source from
// which it is called.
template <class T>
class model_atomic {
 public:
  using place = std::source_location;
  using order = std::memory_order;
  static constexpr order strongest = std::memory_order_seq_cst;

  model_atomic(T initial = T{}) : id_(run().make_atomic(to_bits(initial))) {}
  ~model_atomic() { run().destroy(id_, this); }
  model_atomic(const model_atomic&) = delete;
  model_atomic& operator=(const model_atomic&) = delete;

  [[nodiscard]] T load(order o = strongest, const place& at = place::current()) const {
    return from_bits<T>(run().load(id_, this, o, at));
  }
  void store(T value, order o = strongest, const place& at = place::current()) {
    run().store(id_, this, to_bits(value), o, at);
  }
  T exchange(T value, order o = strongest, const place& at = place::current()) {
    return modify(o, at, [](bits, bits with) { return with; }, value);
  }
  bool compare_exchange_strong(T& expected, T wanted, order success, order failure,
                               const place& at = place::current()) {
    bits seen = to_bits(expected);
    const bool done =
        run().compare_exchange(id_, this, seen, to_bits(wanted), success, failure, at);
    expected = from_bits<T>(seen);
    return done;
  }
  bool compare_exchange_strong(T& expected, T wanted, order o = strongest,
                               const place& at = place::current()) {
    return compare_exchange_strong(expected, wanted, o, without_store(o), at);
  }
  bool compare_exchange_weak(T& expected, T wanted, order success, order failure,
                             const place& at = place::current()) {
    return compare_exchange_strong(expected, wanted, success, failure, at);
  }
  bool compare_exchange_weak(T& expected, T wanted, order o = strongest,
                             const place& at = place::current()) {
    return compare_exchange_strong(expected, wanted, o, without_store(o), at);
  }
  T fetch_add(T n, order o = strongest, const place& at = place::current())
    requires std::integral<T>
  {
    return modify(
        o, at,
        [](bits before, bits with) {
          return to_bits(static_cast<T>(from_bits<T>(before) + from_bits<T>(with)));
        },
        n);
  }
  T fetch_sub(T n, order o = strongest, const place& at = place::current())
    requires std::integral<T>
  {
    return fetch_add(static_cast<T>(T{0} - n), o, at);
  }
  T fetch_or(T n, order o = strongest, const place& at = place::current())
    requires std::integral<T>
  {
    return modify(o, at, [](bits before, bits with) { return before | with; }, n);
  }
  T fetch_and(T n, order o = strongest, const place& at = place::current())
    requires std::integral<T>
  {
    return modify(o, at, [](bits before, bits with) { return before & with; }, n);
  }

  // As a futex on this object.
  void sleep_while(T expected, bool endless) const {
    run().sleep_while(id_, this, to_bits(expected), endless);
  }

 private:
  static execution& run() noexcept { return execution::current(); }
  static order without_store(order o) noexcept {
    if (o == std::memory_order_acq_rel) return std::memory_order_acquire;
    return o == std::memory_order_release ? std::memory_order_relaxed : o;
  }
  T modify(order o, const place& at, bits (*make)(bits, bits), T with) {
    return from_bits<T>(run().exchange(id_, this, o, at, make, to_bits(with)));
  }
  location_id id_;
};

// Plain data that threads hand to one another: every access is checked for races.
template <class T>
class model_var {
 public:
  model_var(T initial = T{}) : id_(run().make_plain()), value_(std::move(initial)) {}
  ~model_var() { run().destroy(id_, this); }
  model_var(const model_var& other) : model_var(static_cast<T>(other)) {}
  model_var& operator=(const model_var& other) { return *this = static_cast<T>(other); }
  model_var& operator=(T value) {
    run().write_plain(id_, this);
    value_ = std::move(value);
    return *this;
  }
  operator T() const {
    run().read_plain(id_, this);
    return value_;
  }
  T operator->() const { return *this; }

 private:
  static execution& run() noexcept { return execution::current(); }
  location_id id_;
  T value_;
};

// The policy for the templates of the product: see runtime/sync.hpp.
struct model_sync {
  template <class T>
  using atomic = model_atomic<T>;
  template <class T>
  using var = model_var<T>;

  // Both barriers are steps of all threads on one word, which orders them.
  struct lopsided_barrier {
    using place = std::source_location;
    void light(const place& at = place::current()) {
      word.fetch_add(0, std::memory_order_acq_rel, at);
    }
    void heavy(const place& at = place::current()) {
      word.fetch_add(0, std::memory_order_acq_rel, at);
    }
    atomic<std::uint32_t> word;
  };
  static void yield() { execution::current().yield(); }

  static void sleep(const atomic<std::uint32_t>& word, std::uint32_t expected,
                    std::chrono::nanoseconds limit) {
    word.sleep_while(expected, limit == std::chrono::nanoseconds::max());
  }
  static void wake_one(const atomic<std::uint32_t>& word,
                       const std::source_location& at = std::source_location::current()) {
    execution::current().wake_one(&word, at);
  }
};

// Nodes of the modelled heap: use after free, double free, leaks and reused addresses are found.
template <class T, class... Args>
T* make(Args&&... args) {
  return ::new (execution::current().allocate(sizeof(T))) T(std::forward<Args>(args)...);
}
template <class T>
void discard(T* node) {
  node->~T();
  execution::current().deallocate(node);
}

}  // namespace troupe::model
