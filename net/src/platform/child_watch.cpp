#include "platform/child_watch.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <troupe/net/asio.hpp>

namespace troupe::net {

namespace asio = boost::asio;

namespace {

task<> until(context self, descriptor what, asio::posix::descriptor_base::wait_type ready) {
  asio::posix::stream_descriptor file(io_context_of(self.system()), what.get());
  (void)what.release();
  const auto [failed] = co_await file.async_wait(ready, use_process(self));
  if (failed) throw boost::system::system_error(failed, "waiting for a descriptor");
}

}  // namespace

task<> until_readable(context self, descriptor what) {
  return until(self, std::move(what), asio::posix::descriptor_base::wait_read);
}
task<> until_writable(context self, descriptor what) {
  return until(self, std::move(what), asio::posix::descriptor_base::wait_write);
}

task<std::string> read_line(context self, descriptor from, std::size_t max_bytes) {
  asio::posix::stream_descriptor file(io_context_of(self.system()), from.get());
  (void)from.release();
  std::string line;
  const auto [failed, length] = co_await asio::async_read_until(
      file, asio::dynamic_buffer(line, max_bytes), '\n', use_process(self));
  line.resize(failed ? 0 : length - 1);
  co_return line;
}

}  // namespace troupe::net
