#include "model/node_heap.hpp"

#include <cstdint>
#include <new>

namespace troupe::model {

node_heap::node_heap() : memory_(std::make_unique<grain_of_memory[]>(grains)) {}

void node_heap::reset() noexcept {
  grains_used_ = 0;
  blocks_.clear();
  freed_.clear();
  in_use_ = 0;
}

void* node_heap::allocate(std::size_t size) {
  const std::size_t count = (size + grain - 1) / grain;
  ++in_use_;
  for (std::size_t i = freed_.size(); i-- > 0;) {
    block& b = blocks_[freed_[i]];
    if (b.count != count) continue;
    freed_.erase(freed_.begin() + static_cast<std::ptrdiff_t>(i));
    b.used = true;
    return &memory_[b.first];
  }
  if (grains_used_ + count > grains) throw std::bad_alloc();
  blocks_.push_back({grains_used_, count, true});
  grains_used_ += count;
  return &memory_[blocks_.back().first];
}

node_heap::block* node_heap::find(const void* memory) noexcept {
  for (block& b : blocks_)
    if (&memory_[b.first] == memory) return &b;
  return nullptr;
}

const char* node_heap::deallocate(void* memory) noexcept {
  block* const b = find(memory);
  if (b == nullptr) return "freed what was never allocated";
  if (!b->used) return "freed twice";
  b->used = false;
  freed_.push_back(static_cast<std::size_t>(b - blocks_.data()));
  --in_use_;
  return nullptr;
}

std::string node_heap::name_of(std::uintptr_t address) const {
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const auto begin = reinterpret_cast<std::uintptr_t>(&memory_[blocks_[i].first]);
    if (address < begin || address >= begin + blocks_[i].count * grain) continue;
    std::string name = "node " + std::to_string(i + 1);
    if (address != begin) name += " +" + std::to_string(address - begin);
    return name;
  }
  return {};
}

}  // namespace troupe::model
