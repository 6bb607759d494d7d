#include <troupe/message.hpp>

#include "platform/threads.hpp"

#include <map>
#include <utility>

namespace troupe {
namespace internal {
namespace {

// Entries are linked in before main and, by libraries loaded later, while the program runs.
constinit std::atomic<const receivable_entry*> newest_entry{nullptr};

using key = std::pair<message_kind, std::string_view>;

struct type_index {
  platform::mutex mutex;
  const receivable_entry* indexed_up_to = nullptr;
  std::map<key, found_type> types;

  void take_in(const receivable_entry* newest) {
    for (const auto* e = newest; e != indexed_up_to; e = e->next)
      for (const message_type* type : e->types)
        if (type->value != nullptr) take_in(*type);
    indexed_up_to = newest;
  }
  void take_in(const message_type& type) {
    auto& found = types[{type.kind, type.value->name}];
    if (found.type != nullptr && found.type != &type)
      found = {nullptr, true};
    else if (!found.ambiguous)
      found.type = &type;
  }
};

}  // namespace

receivable_entry::receivable_entry(std::span<const message_type* const> known) noexcept
    : types(known), next(newest_entry.load(std::memory_order_relaxed)) {
  while (!newest_entry.compare_exchange_weak(next, this, std::memory_order_release,
                                             std::memory_order_relaxed)) {
  }
}

message_node* make_blank(const message_type& type) {
  void* memory = allocate(sizeof(message_node) + type.size);
  auto* node = ::new (memory) message_node{nullptr, &type};
  try {
    type.construct(node->payload());
  } catch (...) {
    deallocate(memory, sizeof(message_node) + type.size);
    throw;
  }
  return node;
}

void release(message_node* node) noexcept {
  const message_type& type = *node->type;
  if (type.destroy != nullptr) type.destroy(node->payload());
  deallocate(node, sizeof(message_node) + type.size);
}

}  // namespace internal

found_type find_message_type(message_kind kind, std::string_view name) {
  static internal::type_index index;
  const std::lock_guard lock(index.mutex);
  index.take_in(internal::newest_entry.load(std::memory_order_acquire));
  const auto at = index.types.find({kind, name});
  return at == index.types.end() ? found_type{} : at->second;
}

}  // namespace troupe
