#include "platform/memory.hpp"

#include <troupe/message.hpp>

#include <sys/mman.h>

#include <new>

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

}  // namespace troupe::platform

namespace troupe::internal {

// Under sanitizers the standard allocator is used, because they watch that one.
#if TROUPE_MIMALLOC
void* allocate(std::size_t size) { return mi_new(size); }
void deallocate(void* memory, std::size_t) noexcept { mi_free(memory); }
#else
void* allocate(std::size_t size) { return ::operator new(size); }
void deallocate(void* memory, std::size_t size) noexcept { ::operator delete(memory, size); }
#endif

}  // namespace troupe::internal
