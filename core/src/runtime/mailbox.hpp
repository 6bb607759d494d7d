#pragma once

#include <troupe/message.hpp>
#include <troupe/push_list.hpp>
#include <troupe/sync.hpp>

#include <cassert>
#include <cstdint>

namespace troupe::internal {

enum class push_result : std::uint8_t {
  refused,  // the process of that generation is gone; the node is still the caller's
  pushed,   // the process is scheduled already
  woken,    // it was idle: the caller has it, with the node, until it has scheduled it
};

// Many producers, one consumer; one word. The word holds the newest node of a list that goes
// backwards in time, whether the process is scheduled, and the low bits of the generation, so the
// same compare-and-swap that pushes also proves that the process is still the one meant and tells
// whether it must be woken.
//
//   63        45 44                     1 0
//   [generation] [node address / 16, 44 b] [scheduled]
//
// Nineteen bits of generation come round after 262,144 processes in one slot. The sender compares
// all 32 bits just before it pushes (process_table::find), and the table keeps freed slots back
// before it uses them again, so a push would have to be held up between two instructions for that
// whole time, and to the exact count, to hit a wrong process.
template <class Sync, class Node = message_node>
class mailbox {
 public:
  static constexpr unsigned tag_bits = 19;

  // The process is new: scheduled, without mail. Only the spawner knows the slot. Hands nothing
  // over: whoever runs the process gets it from a run queue.
  void open(std::uint32_t generation) noexcept {
    word_.store(tag(generation) | scheduled, std::memory_order_relaxed);
  }

  // Any thread. Whoever wakes the process keeps the node, and hands it over with the process: the
  // first mail after an idle time costs its owner no step on this word. The release half publishes
  // the node's contents; it pairs with the acquire of take_all. The acquire half pairs with
  // try_idle: the caller that wakes the process sees what it did before. The acquires of what is
  // merely read pair with close: who is refused sees what was released before.
  push_result push(Node* node, std::uint32_t generation) noexcept {
    return push(node, node, generation);
  }
  // The same for several at once, linked from the newest to the oldest, in one step.
  push_result push(Node* newest, Node* oldest, std::uint32_t generation) noexcept {
    std::uint64_t seen = word_.load(std::memory_order_acquire);
    for (;;) {
      if ((seen & tag_mask) != tag(generation)) return push_result::refused;
      const bool idle = (seen & scheduled) == 0;  // and so without mail
      oldest->next = pointer(seen);
      const std::uint64_t wanted = tag(generation) | (idle ? 0 : address(newest)) | scheduled;
      if (word_.compare_exchange_weak(seen, wanted, std::memory_order_acq_rel,
                                      std::memory_order_acquire))
        return idle ? push_result::woken : push_result::pushed;
    }
  }

  // Owner. Whether mail has come; a guess, as all that is not taken.
  [[nodiscard]] bool any() const noexcept {
    return (word_.load(std::memory_order_relaxed) & address_mask) != 0;
  }

  // Owner. All mail, oldest first; null if there is none. The process stays scheduled.
  Node* take_all() noexcept {
    const std::uint64_t seen = word_.load(std::memory_order_relaxed);
    if ((seen & address_mask) == 0) return nullptr;
    return reversed<&Node::next>(
        pointer(word_.exchange((seen & tag_mask) | scheduled, std::memory_order_acquire)));
  }

  // Owner. Goes idle, unless mail has come. After true the process may run on another worker at
  // once: release hands what this one did over to it.
  bool try_idle() noexcept {
    std::uint64_t seen = word_.load(std::memory_order_relaxed);
    if ((seen & address_mask) != 0) return false;
    return word_.compare_exchange_strong(seen, seen & tag_mask, std::memory_order_release,
                                         std::memory_order_relaxed);
  }

  // Owner, at the end of the process: refuses all further mail and gives what there is.
  Node* close(std::uint32_t next_generation) noexcept {
    return reversed<&Node::next>(
        pointer(word_.exchange(tag(next_generation) | scheduled, std::memory_order_acq_rel)));
  }

 private:
  static constexpr std::uint64_t scheduled = 1;
  static constexpr unsigned tag_shift = 64 - tag_bits;
  static constexpr std::uint64_t tag_mask = ~std::uint64_t{0} << tag_shift;
  static constexpr std::uint64_t address_mask = ~tag_mask & ~scheduled;

  static std::uint64_t tag(std::uint32_t generation) noexcept {
    return std::uint64_t{generation} << tag_shift;
  }
  static std::uint64_t address(Node* node) noexcept {
    const std::uint64_t bits = reinterpret_cast<std::uintptr_t>(node) >> 3;
    assert((bits & ~address_mask) == 0 && "user addresses have 48 bits, nodes are aligned to 16");
    return bits;
  }
  static Node* pointer(std::uint64_t word) noexcept {
    return reinterpret_cast<Node*>((word & address_mask) << 3);
  }

  typename Sync::template atomic<std::uint64_t> word_{0};
};

}  // namespace troupe::internal
