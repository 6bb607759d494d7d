#include "reactor/tcp_stream.hpp"

#include "reactor/tls_context.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <stdexcept>

namespace troupe::net {

namespace asio = boost::asio;

endpoint to_endpoint(const asio::ip::tcp::endpoint& where) {
  return {where.address().to_string(), where.port()};
}

struct tcp_stream::tls_layer : asio::ssl::stream<stream_socket&> {
  using asio::ssl::stream<stream_socket&>::stream;
};

// --- the connection ------------------------------------------------------------------------------

template <class Operation>
void tcp_stream::connection::through(Operation&& operation) {
  if (tls != nullptr)
    operation(*tls);
  else if (secured)
    throw std::logic_error("a stream carries nothing until the handshake of TLS is over");
  else
    operation(socket);
}

void tcp_stream::connection::finish(direction connection::* which,
                                    const boost::system::error_code& failed, std::size_t bytes) {
  direction& way = this->*which;
  const handler done = std::exchange(way.done, nullptr);
  if (!done) return;  // the stream was destroyed
  if (open && !failed) return done(bytes);
  if (open) way.end = failed;
  done(failure(way, failed));
}

io_error tcp_stream::connection::failure(const direction& way,
                                         const boost::system::error_code& failed) const {
  const std::string tried = std::string("cannot ") + way.action + ' ' + to_string(peer);
  if (!open) return make_error(tried, io_errc::closed);
  if (tls != nullptr)
    if (const auto why = tls_failure(tls->native_handle(), failed))
      return {io_errc::tls, "cannot speak TLS with " + to_string(peer) + ": " + *why};
  return make_error(tried, failed);
}

// Tells the peer's TLS that this is the end and no cut (RFC 8446, 6.1), if the socket takes it at
// once. The peer's own word for it is not waited for.
void tcp_stream::connection::say_end(const std::shared_ptr<connection>& self) {
  const bool in_order = !writing.end && (!reading.end || reading.end == asio::error::eof);
  if (open && tls != nullptr && in_order && ::SSL_is_init_finished(tls->native_handle()) == 1)
    tls->async_shutdown([self](const boost::system::error_code&) {});
}

void tcp_stream::connection::close() noexcept {
  if (!std::exchange(open, false)) return;
  boost::system::error_code ignored;  // the peer may have gone first
  socket.shutdown(stream_socket::shutdown_both, ignored);
  socket.close(ignored);
}

void tcp_stream::connection::reset() noexcept {
  if (!std::exchange(open, false)) return;
  boost::system::error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

// --- the handle ----------------------------------------------------------------------------------

tcp_stream::tcp_stream(reactor& host, stream_socket socket, endpoint peer)
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
  if (!begin(&connection::reading, into.size(), std::move(done))) return;
  connection_->through([&](auto& layer) {
    layer.async_read_some(
        asio::buffer(into.data(), into.size()),
        [c = connection_](const boost::system::error_code& failed, std::size_t bytes) {
          c->finish(&connection::reading, failed, bytes);
        });
  });
}

void tcp_stream::write_some(std::span<const std::byte> from, handler done) {
  if (!begin(&connection::writing, from.size(), std::move(done))) return;
  connection_->through([&](auto& layer) {
    layer.async_write_some(
        asio::buffer(from.data(), from.size()),
        [c = connection_](const boost::system::error_code& failed, std::size_t bytes) {
          c->finish(&connection::writing, failed, bytes);
        });
  });
}

void tcp_stream::await_bytes(std::function<void()> done) {
  if (!begin(&connection::reading, 1, [done = std::move(done)](const auto&) { done(); })) return;
  connection_->socket.async_wait(stream_socket::wait_read,
                                 [c = connection_](const boost::system::error_code& failed) {
                                   c->finish(&connection::reading, failed, 1);
                                 });
}

// The handshake is the first thing read, so whatever ends a read ends it.
void tcp_stream::start_tls(tls_context& ours, tls_side side, tls_handler done) {
  if (connection_->secured)
    throw std::logic_error("a stream goes on over TLS once, before anything is read or written");
  connection_->secured = true;
  const bool begun =
      begin(&connection::reading, 1, [c = connection_.get(), done = std::move(done)](auto over) {
        if (over)
          done(tls_peer_of(c->tls->native_handle()));
        else
          done(over.error());
      });
  if (!begun) return;
  std::unique_ptr<SSL, decltype(&::SSL_free)> ssl(::SSL_new(ours.native().native_handle()),
                                                  &::SSL_free);
  if (ssl == nullptr) throw std::bad_alloc();
  if (side == tls_side::dialler) return connection::shake_hands(connection_, ssl.release(), side);
  // A dialler that says nothing costs a socket, and not the 70 KB that are made for one that does.
  connection_->socket.async_wait(stream_socket::wait_read,
                                 [c = connection_, side, ssl = std::move(ssl)](
                                     const boost::system::error_code& failed) mutable {
                                   if (failed || !c->open)
                                     return c->finish(&connection::reading, failed, 0);
                                   connection::shake_hands(c, ssl.release(), side);
                                 });
}

// Takes the SSL over.
void tcp_stream::connection::shake_hands(const std::shared_ptr<connection>& self, SSL* ssl,
                                         tls_side side) {
  self->tls = std::make_shared<tls_layer>(self->socket, ssl);
  self->tls->async_handshake(
      side == tls_side::dialler ? asio::ssl::stream_base::client : asio::ssl::stream_base::server,
      [self](const boost::system::error_code& failed) {
        self->finish(&connection::reading, failed, 1);
      });
}

void tcp_stream::close() noexcept {
  connection_->say_end(connection_);
  connection_->close();
}
void tcp_stream::reset() noexcept { connection_->reset(); }

}  // namespace troupe::net
