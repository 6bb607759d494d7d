#include "platform/memory.hpp"

#include <troupe/message.hpp>

#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>
#include <new>
#include <utility>

#include "platform/batch_depot.hpp"

#if TROUPE_MIMALLOC
#include <mimalloc.h>
#endif

namespace troupe::platform {

lazy_range::lazy_range(std::size_t bytes) : bytes_(bytes) {
  data_ = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data_ == MAP_FAILED) throw std::bad_alloc();
}

lazy_range::~lazy_range() { ::munmap(data_, bytes_); }

#if TROUPE_MIMALLOC
std::size_t usable_size(const void* memory) noexcept { return mi_usable_size(memory); }
#else
std::size_t usable_size(const void* memory) noexcept {
  return ::malloc_usable_size(const_cast<void*>(memory));
}
#endif

}  // namespace troupe::platform

namespace troupe::internal {

// Under sanitizers the standard allocator is used, because they watch that one.
#if TROUPE_MIMALLOC

namespace {

// Small blocks that were freed, for what is allocated next: messages and small frames come and go
// one by one, and an allocator gives a page back, or looks whether it should, at each of them. What
// one thread allocates and another frees goes back by the depot, a full batch at a time.
constexpr std::size_t step = 16;  // of sizes
constexpr std::size_t classes = 16;
constexpr std::uint32_t batch = 32;

struct block {
  block* next;
};
constinit batch_depot<std_sync, block, 16> depots[classes + 1];

std::size_t class_of(std::size_t size) noexcept { return (size + step - 1) / step; }

void free_all(block* chain) noexcept {
  while (chain != nullptr) mi_free(std::exchange(chain, chain->next));
}

// The blocks of one size that a thread has: a batch that it fills and empties, and behind it a full
// one or none, so that a thread at the border between two does not go to the depot at each step.
struct block_stack {
  block* top = nullptr;
  std::uint32_t room = 0;  // for blocks to be freed
  block* spare = nullptr;

  void push(void* memory) noexcept {
    --room;
    top = ::new (memory) block{top};
  }
  void* pop() noexcept {
    ++room;
    return std::exchange(top, top->next);
  }
};
constinit thread_local block_stack cache[classes + 1];

constinit thread_local bool keeper_ended = false;

// Made when a thread first keeps a block: gives all back when the thread ends. What is freed later,
// by destructors that come after this one, is not kept.
class keeper {
 public:
  keeper() noexcept {
    for (auto& blocks : cache) blocks.room = batch;
  }
  ~keeper() {
    keeper_ended = true;
    for (auto& blocks : cache) {
      free_all(blocks.top);
      free_all(blocks.spare);
      blocks = {};
    }
  }
  // False once the thread keeps nothing any more.
  static bool keeps() noexcept {
    if (keeper_ended) return false;
    static thread_local keeper of_this_thread;
    return true;
  }
};

// A batch from wherever there is one. What the allocator gives goes out in the order in which it
// came: mail that lies in memory as it waits is read fastest.
block* new_batch(std::size_t kind) {
  if (block* const chain = depots[kind].take()) return chain;
  block* chain = nullptr;
  block** end = &chain;
  try {
    for (std::uint32_t i = 0; i < batch; ++i) {
      *end = ::new (mi_new(kind * step)) block{nullptr};
      end = &(*end)->next;
    }
  } catch (...) {
    free_all(chain);
    throw;
  }
  return chain;
}

[[gnu::noinline]] void* allocate_anew(std::size_t kind) {
  if (!keeper::keeps()) return mi_new(kind * step);
  block_stack& blocks = cache[kind];
  blocks.top = blocks.spare == nullptr ? new_batch(kind) : std::exchange(blocks.spare, nullptr);
  blocks.room = 0;
  return blocks.pop();
}

[[gnu::noinline]] void deallocate_beyond(void* memory, std::size_t kind) noexcept {
  if (!keeper::keeps()) return mi_free(memory);
  block_stack& blocks = cache[kind];
  if (blocks.room == 0) {
    if (blocks.spare != nullptr && !depots[kind].put(blocks.spare)) free_all(blocks.spare);
    blocks.spare = std::exchange(blocks.top, nullptr);
    blocks.room = batch;
  }
  blocks.push(memory);
}

}  // namespace

void* allocate(std::size_t size) {
  const std::size_t kind = class_of(size);
  if (kind > classes) return mi_new(size);
  return cache[kind].top == nullptr ? allocate_anew(kind) : cache[kind].pop();
}

void deallocate(void* memory, std::size_t size) noexcept {
  const std::size_t kind = class_of(size);
  if (kind > classes) return mi_free(memory);
  if (cache[kind].room == 0) return deallocate_beyond(memory, kind);
  cache[kind].push(memory);
}

#else
void* allocate(std::size_t size) { return ::operator new(size); }
void deallocate(void* memory, std::size_t size) noexcept { ::operator delete(memory, size); }
#endif

}  // namespace troupe::internal
