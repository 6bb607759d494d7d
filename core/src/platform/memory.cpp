#include "platform/memory.hpp"

#include <troupe/message.hpp>

#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>
#include <new>
#include <utility>

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

// What a worker has freed last, for what it allocates next: messages and small frames come and go
// one by one, and an allocator gives a page back, or looks whether it should, at each of them.
struct block_cache {
  static constexpr std::size_t step = 16;  // of sizes
  static constexpr std::size_t classes = 16;
  static constexpr std::uint8_t most_of_each = 32;

  struct block {
    block* next;
  };
  struct stack {
    block* top = nullptr;
    std::uint8_t room = 0;  // none on threads that are not workers
  };
  stack of[classes + 1];

  static std::size_t class_of(std::size_t size) noexcept { return (size + step - 1) / step; }
};
constinit thread_local block_cache cache;

}  // namespace

void* allocate(std::size_t size) {
  const std::size_t kind = block_cache::class_of(size);
  if (kind > block_cache::classes) return mi_new(size);
  block_cache::stack& blocks = cache.of[kind];
  if (blocks.top == nullptr) return mi_new(kind * block_cache::step);
  ++blocks.room;
  return std::exchange(blocks.top, blocks.top->next);
}

void deallocate(void* memory, std::size_t size) noexcept {
  const std::size_t kind = block_cache::class_of(size);
  if (kind > block_cache::classes || cache.of[kind].room == 0) return mi_free(memory);
  block_cache::stack& blocks = cache.of[kind];
  --blocks.room;
  blocks.top = ::new (memory) block_cache::block{blocks.top};
}

void keep_blocks() noexcept {
  for (auto& blocks : cache.of) blocks.room = block_cache::most_of_each;
}

void give_up_blocks() noexcept {
  for (auto& blocks : cache.of) {
    while (blocks.top != nullptr) mi_free(std::exchange(blocks.top, blocks.top->next));
    blocks.room = 0;
  }
}

#else
void* allocate(std::size_t size) { return ::operator new(size); }
void deallocate(void* memory, std::size_t size) noexcept { ::operator delete(memory, size); }
void keep_blocks() noexcept {}
void give_up_blocks() noexcept {}
#endif

}  // namespace troupe::internal
