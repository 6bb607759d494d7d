#include "model/explore.hpp"
#include "model/model_sync.hpp"
#include "runtime/tenancy.hpp"
#include "support/catch.hpp"

using namespace troupe::model;
using troupe::internal::push_result;
using troupe::internal::tenancy;

namespace {

struct letter {
  explicit letter(std::uint32_t process) : to(process) {}
  model_var<letter*> next{nullptr};
  model_var<std::uint32_t> to;
};

// One slot of the process table in which a process ends and the next begins while others send.
class model_slot {
 public:
  explicit model_slot(execution& run) : run_(run) {
    run.name("slot", slot_);
    begin();
  }
  // The caller's own: the slot is free, or it is the process that runs in it.
  void begin() {
    slot_.next();
    lives_ = lives_ + 1;
    slot_.mail.open(generation());
  }
  void take_mail() { take(slot_.mail.take_all(), generation()); }
  void end() {
    const std::uint32_t self = generation();
    released_ = released_ + 1;
    take(slot_.end(), self);
  }
  // True if it arrived.
  bool send(std::uint32_t to) {
    auto* const l = make<letter>(to);
    if (slot_.is(to) && slot_.mail.push(l, to) != push_result::refused) return true;
    discard(l);
    return false;
  }
  [[nodiscard]] std::uint32_t generation() const {
    return slot_.generation.load(std::memory_order_relaxed);
  }
  // What processes had done before they ended, to one who found them gone.
  [[nodiscard]] int released() const { return released_; }
  [[nodiscard]] int taken() const { return taken_; }

 private:
  void take(letter* list, std::uint32_t self) {
    while (list != nullptr) {
      letter* const l = list;
      list = l->next;
      run_.require(l->to == self, "a process got the mail of the one before");
      taken_ = taken_ + 1;
      discard(l);
    }
  }
  execution& run_;
  tenancy<model_sync, letter> slot_;
  model_var<int> lives_{0};
  model_var<int> released_{0};
  model_var<int> taken_{0};
};

}  // namespace

TEST_CASE(
    "mail to a process never reaches the next one in its slot and is not lost before its "
    "end") {
  always({.preemptions = 3, .deep_preemptions = 4}, [](execution& run) {
    model_slot slot(run);
    model_atomic<int> sent;
    run.start("worker", [&] {
      slot.take_mail();
      slot.end();
      slot.begin();
      slot.take_mail();
      slot.end();
    });
    for (const char* const name : {"sender 1", "sender 2"})
      run.start(name, [&] {
        if (slot.send(1)) sent.fetch_add(1, std::memory_order_relaxed);
        if (slot.send(3)) sent.fetch_add(1, std::memory_order_relaxed);
      });
    run.join();
    run.require(slot.taken() == sent.load(), "mail was lost");
  });
}

TEST_CASE("who finds a process gone sees what it released before") {
  always(without_bound, [](execution& run) {
    model_slot slot(run);
    run.start("worker", [&] { slot.end(); });
    run.start("sender", [&] {
      if (!slot.send(1)) run.require(slot.released() == 1, "its end is not seen");
    });
    run.join();
  });
}
