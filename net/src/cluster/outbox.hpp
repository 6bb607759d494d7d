#pragma once

#include <troupe/distribution.hpp>
#include <troupe/message.hpp>
#include <troupe/pid.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "cluster/footprint.hpp"
#include "platform/lock.hpp"
#include "wire/limits.hpp"

namespace troupe::net::internal {

/// Frames that senders have encoded themselves, for a connection that is up. Only plain messages
/// come here, and only while nothing waits for the executor: so what is here was sent before all
/// that waits there. `put` and what asks how much is here are for any thread, all else is for the
/// executor.
class outbox {
 public:
  struct room {
    std::size_t busy_bytes;  // with more than this here, processes that put more are held
    std::size_t max_messages;
    std::size_t max_bytes;
  };
  outbox(troupe::internal::engine& home, const limits& bounds, const room& most)
      : home_(home), bounds_(bounds), most_(most) {}

  enum class result : std::uint8_t {
    refused,  // as if it had not been tried: it is for the executor
    put,
    first,  // put, and there was nothing before: the executor must come
  };
  [[nodiscard]] result put(pid from, pid to, const message& what);
  /// How much is here; a guess while others put.
  [[nodiscard]] std::size_t messages() const noexcept {
    return messages_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t bytes() const noexcept {
    return bytes_.load(std::memory_order_relaxed);
  }

  /// From now on for this peer.
  void open(std::uint32_t peer);
  /// What is here is lost. Gives those that were held.
  [[nodiscard]] std::vector<pid> close();
  /// The connection has given the type that number; or gives numbers out anew.
  void learn(const type_info& type, std::uint32_t number);
  void forget_types();
  /// The oldest frames, about as many as one write takes; false if there are none. The buffer that
  /// is given for them is used again.
  [[nodiscard]] bool take(std::vector<std::byte>& frames);
  /// Those that are held, who are to be let go.
  [[nodiscard]] std::vector<pid> take_held();

 private:
  struct known_type {
    std::uint32_t number;
    extent size;
  };
  [[nodiscard]] const known_type* find(const type_info& type);
  struct chunk {
    std::vector<std::byte> frames;
    std::size_t messages = 0;
  };
  // A longer message is encoded by the executor, so that no sender waits for another one's.
  static constexpr std::size_t longest = 4096;
  static constexpr std::size_t chunk_bytes = std::size_t{64} << 10;

  troupe::internal::engine& home_;
  const limits bounds_;
  const room most_;
  platform::light_mutex mutex_;  // of all below
  bool open_ = false;
  std::uint32_t peer_ = 0;
  std::unordered_map<const char*, known_type> types_;  // by the address of a constant name
  const char* latest_name_ = nullptr;  // most messages are of the type of the one before
  known_type latest_type_{};
  std::string payload_;
  chunk latest_;
  std::deque<chunk> full_;  // before that, oldest first
  // Written with the mutex held, read without.
  std::atomic<std::size_t> messages_{0};
  std::atomic<std::size_t> bytes_{0};
  std::vector<pid> held_;
};

}  // namespace troupe::net::internal
