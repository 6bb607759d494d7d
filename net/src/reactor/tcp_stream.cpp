#include "reactor/tcp_stream.hpp"

#include <boost/asio/post.hpp>

#include <stdexcept>

namespace troupe::net {

namespace asio = boost::asio;

endpoint to_endpoint(const asio::ip::tcp::endpoint& where) {
  return {where.address().to_string(), where.port()};
}

// --- the connection ------------------------------------------------------------------------------

void tcp_stream::connection::finish(direction connection::* which,
                                    const boost::system::error_code& failed, std::size_t bytes) {
  direction& way = this->*which;
  const handler done = std::exchange(way.done, nullptr);
  if (!done) return;  // the stream was destroyed
  if (open && !failed) return done(bytes);
  if (open) way.end = failed;
  const std::string tried = std::string("cannot ") + way.action + ' ' + to_string(peer);
  done(open ? make_error(tried, failed) : make_error(tried, io_errc::closed));
}

void tcp_stream::connection::close() noexcept {
  if (!std::exchange(open, false)) return;
  boost::system::error_code ignored;  // the peer may have gone first
  socket.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  socket.close(ignored);
}

void tcp_stream::connection::reset() noexcept {
  if (!std::exchange(open, false)) return;
  boost::system::error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

// --- the handle ----------------------------------------------------------------------------------

tcp_stream::tcp_stream(reactor& host, asio::ip::tcp::socket socket, endpoint peer)
    : guest(host),
      connection_(std::make_shared<connection>(connection{std::move(socket), std::move(peer)})) {
  boost::system::error_code ignored;  // without it, small messages are slow
  connection_->socket.set_option(asio::ip::tcp::no_delay(true), ignored);
}

tcp_stream::~tcp_stream() {
  connection_->reset();
  abandon();
}

// Out of their places before they are destroyed, because what they own may come back here.
void tcp_stream::abandon() noexcept {
  const auto c = connection_;
  const handler reading = std::exchange(c->reading.done, nullptr);
  const handler writing = std::exchange(c->writing.done, nullptr);
}

// Whether the socket is to do it.
bool tcp_stream::begin(direction connection::* which, std::size_t room, handler done) {
  direction& way = (*connection_).*which;
  if (way.done)
    throw std::logic_error(
        "a stream takes one read and one write at a time: wait for the callback");
  if (room == 0)
    throw std::logic_error("a stream reads and writes at least one byte: give it some");
  way.done = std::move(done);
  if (way.end)
    asio::post(connection_->socket.get_executor(),
               [c = connection_, which] { c->finish(which, ((*c).*which).end, 0); });
  return !way.end;
}

void tcp_stream::read_some(std::span<std::byte> into, handler done) {
  if (begin(&connection::reading, into.size(), std::move(done)))
    connection_->socket.async_read_some(
        asio::buffer(into.data(), into.size()),
        [c = connection_](const boost::system::error_code& failed, std::size_t bytes) {
          c->finish(&connection::reading, failed, bytes);
        });
}

void tcp_stream::write_some(std::span<const std::byte> from, handler done) {
  if (begin(&connection::writing, from.size(), std::move(done)))
    connection_->socket.async_write_some(
        asio::buffer(from.data(), from.size()),
        [c = connection_](const boost::system::error_code& failed, std::size_t bytes) {
          c->finish(&connection::writing, failed, bytes);
        });
}

void tcp_stream::close() noexcept { connection_->close(); }
void tcp_stream::reset() noexcept { connection_->reset(); }

}  // namespace troupe::net
