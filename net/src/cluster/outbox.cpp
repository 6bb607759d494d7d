#include "cluster/outbox.hpp"

#include <mutex>
#include <utility>

#include "wire/codec.hpp"
#include "wire/send_frame.hpp"

namespace troupe::net::internal {

namespace {

// Pids of the two nodes of the connection. Others need numbers, which the executor gives.
class two_nodes final : public pid_mapper {
 public:
  explicit two_nodes(std::uint32_t peer) noexcept : peer_(peer) {}
  wire_pid to_wire(pid p) override {
    third_ |= p.node != 0 && p.node != peer_;
    return {p.node == 0 ? 0U : 1U, p.id};
  }
  std::optional<pid> from_wire(wire_pid) override { return std::nullopt; }
  [[nodiscard]] bool met_a_third() const noexcept { return third_; }

 private:
  std::uint32_t peer_;
  bool third_ = false;
};

}  // namespace

outbox::result outbox::put(pid from, pid to, const message& what) {
  const type_info& type = *what.type().value;
  const std::lock_guard lock(mutex_);
  const std::size_t before = bytes();
  if (!open_ || to.node != peer_ || messages() >= most_.max_messages || before >= most_.max_bytes)
    return result::refused;
  const known_type* const known = find(type);
  if (known == nullptr || known->size == extent::unknown) return result::refused;
  if (known->size == extent::measured && held_bytes(type, what.value()) > longest)
    return result::refused;
  payload_.clear();
  two_nodes pids(peer_);
  // What is wrong with it is told by the executor, which tries again.
  if (encode(type, what.value(), payload_, pids, bounds_) || pids.met_a_third())
    return result::refused;
  if (latest_.frames.size() >= chunk_bytes) full_.push_back(std::exchange(latest_, {}));
  const std::size_t start = latest_.frames.size();
  append_frame(latest_.frames, {.target = to.id, .type = known->number, .payload = payload_});
  ++latest_.messages;
  messages_.store(messages() + 1, std::memory_order_relaxed);
  bytes_.store(before + latest_.frames.size() - start, std::memory_order_relaxed);
  if (before > most_.busy_bytes && troupe::internal::hold_sender(home_)) held_.push_back(from);
  return before == 0 ? result::first : result::put;
}

void outbox::open(std::uint32_t peer) {
  const std::lock_guard lock(mutex_);
  open_ = true;
  peer_ = peer;
}

std::vector<pid> outbox::close() {
  const std::lock_guard lock(mutex_);
  open_ = false;
  types_.clear();
  latest_name_ = nullptr;
  latest_ = {};
  full_.clear();
  messages_.store(0, std::memory_order_relaxed);
  bytes_.store(0, std::memory_order_relaxed);
  return std::exchange(held_, {});
}

const outbox::known_type* outbox::find(const type_info& type) {
  if (type.name.data() == latest_name_) return &latest_type_;
  const auto known = types_.find(type.name.data());
  if (known == types_.end()) return nullptr;
  latest_name_ = known->first;
  latest_type_ = known->second;
  return &latest_type_;
}

void outbox::learn(const type_info& type, std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  const extent size = type.size > longest ? extent::unknown : extent_of(type);
  types_.emplace(type.name.data(), known_type{number, size});
}

void outbox::forget_types() {
  const std::lock_guard lock(mutex_);
  types_.clear();
  latest_name_ = nullptr;
}

bool outbox::take(std::vector<std::byte>& frames) {
  frames.clear();
  const std::lock_guard lock(mutex_);
  chunk& oldest = full_.empty() ? latest_ : full_.front();
  frames.swap(oldest.frames);
  messages_.store(messages() - std::exchange(oldest.messages, 0), std::memory_order_relaxed);
  bytes_.store(bytes() - frames.size(), std::memory_order_relaxed);
  if (!full_.empty()) full_.pop_front();
  return !frames.empty();
}

std::vector<pid> outbox::take_held() {
  const std::lock_guard lock(mutex_);
  return std::exchange(held_, {});
}

}  // namespace troupe::net::internal
