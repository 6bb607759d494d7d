#include "port/pipe_source.hpp"

#include "platform/child_watch.hpp"
#include "platform/pipe.hpp"

namespace troupe::net {
namespace {

constexpr std::size_t read_bytes = std::size_t{64} * 1024;  // a pipe of Linux holds so much

struct readable {};

process tell_readable(context self, pid reader, descriptor what) {
  co_await until_readable(self, std::move(what));
  self.send(reader, readable{});
}

}  // namespace

pipe_source::pipe_source(context self, descriptor from)
    : self_(self), from_(std::move(from)), buffer_(read_bytes, '\0') {}

task<bool> pipe_source::more() {
  for (;;) {
    const pipe_step step = read_now(from_, buffer_);
    got_ = step.bytes;
    if (step.what != pipe_step::state::would_wait) co_return got_ > 0;
    if (last_) co_return false;  // whoever still has the pipe open is not waited for
    co_await wait();
  }
}

task<> pipe_source::wait() {
  self_.spawn_link(tell_readable, self_.id(), copy_of(from_));
  co_await self_.receive([](readable) {}, [this](last_output) { last_ = true; });
}

}  // namespace troupe::net
