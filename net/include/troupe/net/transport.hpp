#pragma once
// The network as troupe sees it: streams of bytes, and the time and the turn to handle them. One
// implementation uses the operating system, another one a simulated world; nothing here knows
// which.

#include <troupe/operation.hpp>
#include <troupe/seams.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace troupe {
class system;
}

namespace troupe::net {

/// Where to listen or to dial: a host name or an address, IPv6 without brackets, and a port.
struct endpoint {
  std::string host;
  std::uint16_t port = 0;
  friend bool operator==(const endpoint&, const endpoint&) = default;
};

/// The host of what is on this machine, over Unix domain sockets (the abstract ones of Linux): any
/// user of the machine reaches them, and nobody else.
inline constexpr std::string_view local_host = "unix";

/// `host:port`, with brackets around an IPv6 address.
[[nodiscard]] std::string to_string(const endpoint& where);
/// Reads what `to_string` writes; nothing if it is not of that form.
[[nodiscard]] std::optional<endpoint> parse_endpoint(std::string_view text);

/// What can go wrong between here and a peer.
enum class io_errc : std::uint8_t {
  closed,           // by this side: `close` or `reset`
  eof,              // the peer closed in good order and all it wrote was read
  reset,            // the peer, or something on the way, broke the connection
  refused,          // nothing listens there
  timed_out,        // not within the time given
  unreachable,      // no way to that address
  no_such_host,     // the name means no address
  in_use,           // another listens at that address
  no_such_address,  // to listen at: it is not one of this machine
  not_permitted,
  too_many_files,  // this program, or the machine, has no descriptor left
  tls,             // the two sides do not agree on TLS; the text says why
  other,           // the text says what
};

/// One word, for metrics and logs.
[[nodiscard]] std::string_view to_string(io_errc code) noexcept;

struct io_error {
  io_errc code = io_errc::other;
  std::string text;  // for people: what was tried, why it failed, what to do
};

/// What an operation gave, or why it gave nothing.
template <class T>
class [[nodiscard]] io_result {
 public:
  template <std::convertible_to<T> From>
    requires(!std::same_as<std::remove_cvref_t<From>, io_result>)
  io_result(From&& value)  // NOLINT(*-explicit-*): a function returns either
      : state_(std::in_place_index<0>, std::forward<From>(value)) {}
  io_result(io_error why) : state_(std::move(why)) {}  // NOLINT(*-explicit-*)
  [[nodiscard]] explicit operator bool() const noexcept { return state_.index() == 0; }
  [[nodiscard]] T& operator*() { return std::get<0>(state_); }
  [[nodiscard]] T* operator->() { return &std::get<0>(state_); }
  [[nodiscard]] const io_error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, io_error> state_;
};

// Rules for all that follows.
// - Executor: the callbacks of one transport run one after another, never two at once, and never
//   inside the function that started them. All functions are called there, by a callback or by
//   what was given to `post`, except those that say `Any thread`. Handles are destroyed there too.
// - Ownership: destroying a handle ends what it does and destroys its callbacks uncalled. It may be
//   destroyed in its own callback. A transport that ends destroys the callbacks that it still has
//   uncalled, and the handles that they own; all others are destroyed before it.
// - What a callback throws is logged, and the others go on.

/// Who shakes hands for TLS.
enum class tls_side : std::uint8_t { dialler, acceptor };

/// What this side brings to it: made by the library from node_options::tls.
class tls_context;

/// What the handshake of TLS tells of the other side.
struct tls_peer {
  /// The URIs that its certificate names, by the word of an authority that this side trusts.
  std::vector<std::string> uris;
  /// The same bytes on both sides of this connection, and on no other one. (RFC 9266)
  std::vector<std::byte> channel_binding;
};

/// A connection: bytes in order, both ways, in pieces of any size. Destroying it resets it.
class stream {
 public:
  /// The number of bytes moved, at least one, or why there are none: then there will be no more.
  using handler = std::function<void(io_result<std::size_t>)>;

  virtual ~stream() = default;
  /// Reads what there is, at most as much as fits; waits for the first byte. One at a time, into at
  /// least one byte: else std::logic_error. The memory must stay until the callback or the end of
  /// the stream.
  virtual void read_some(std::span<std::byte> into, handler done) = 0;
  /// Writes as much as the way takes now; waits until it takes something. Conditions as for
  /// reading.
  virtual void write_some(std::span<const std::byte> from, handler done) = 0;
  /// Calls back when there is something to read, or nothing more; reads nothing. For the use before
  /// `start_tls`, as which it counts as a read. Throws std::logic_error if this transport has no
  /// TLS.
  virtual void await_bytes(std::function<void()> done);
  /// Goes on over TLS 1.3, with certificates on both sides. To be called once and first; nothing is
  /// read or written before the callback. In TLS the dialler is done before the acceptor has judged
  /// its certificate, so the first read may still give `tls`. No time limit: close or destroy the
  /// stream. Throws std::logic_error if this transport has no TLS.
  using tls_handler = std::function<void(io_result<tls_peer>)>;
  virtual void start_tls(tls_context& ours, tls_side side, tls_handler done);
  /// Ends it in good order: the peer reads what was written, then `eof`, unless it had sent what
  /// was not read here, which may turn this into a reset. Callbacks under way get `closed`, and so
  /// does what is begun later.
  virtual void close() noexcept = 0;
  /// Breaks it: the peer gets `reset`, and what was written may not arrive. Callbacks as for
  /// `close`.
  virtual void reset() noexcept = 0;
  /// The other side's address, for reports.
  [[nodiscard]] virtual const endpoint& peer() const noexcept = 0;
};

/// Something that listens. Destroying it closes it.
class listener {
 public:
  virtual ~listener() = default;
  /// The port that it listens at: the real one when 0 was asked for. Any thread.
  [[nodiscard]] virtual std::uint16_t port() const noexcept = 0;
  /// Frees the address. No connection is accepted any more; the accepted ones live on.
  virtual void close() noexcept = 0;
};

/// Something under way that ends in one callback. Destroying it cancels: if the callback has not
/// been called yet, it will not be.
class pending {
 public:
  virtual ~pending() = default;
};

class transport;

/// Finds the addresses of a host.
class resolver {
 public:
  /// At least one address in text form, in the order in which to try them, or why not.
  using handler = std::function<void(io_result<std::vector<std::string>>)>;

  virtual ~resolver() = default;
  /// Within the time given; the callback runs on that transport's executor.
  [[nodiscard]] virtual std::unique_ptr<pending> resolve(transport& on, const std::string& host,
                                                         std::chrono::nanoseconds limit,
                                                         handler done) = 0;
};

/// Makes connections, and gives the protocols above it their time and their turn.
class transport {
 public:
  using accept_handler = std::function<void(std::unique_ptr<stream>)>;
  using dial_handler = std::function<void(io_result<std::unique_ptr<stream>>)>;

  virtual ~transport() = default;
  /// Listens at an address of this machine, `localhost`, `unix` or port 0 for any free one; a host
  /// name must be resolved first. Without descriptors it waits, accepts later and keeps listening.
  /// Any thread; from another one than the executor's, a first connection may come before this
  /// returns.
  [[nodiscard]] virtual io_result<std::unique_ptr<listener>> listen(const endpoint& where,
                                                                    accept_handler accepted) = 0;
  /// Connects within the time given: resolves the host and tries its addresses in turn, each for an
  /// equal part of the time that is left.
  [[nodiscard]] virtual std::unique_ptr<pending> dial(const endpoint& where,
                                                      std::chrono::nanoseconds limit,
                                                      dial_handler done) = 0;
  /// Runs the function on the executor, after what was posted before. Any thread. A transport that
  /// ends first destroys it uncalled.
  virtual void post(std::function<void()> function) = 0;
  /// On the executor: after this callback, processes that run on the same thread have their turn. A
  /// transport may take no notice.
  virtual void give_way() noexcept {}
  /// Runs the function on the executor after a delay; never early.
  [[nodiscard]] virtual std::unique_ptr<pending> after(std::chrono::nanoseconds delay,
                                                       std::function<void()> function) = 0;
  /// The time by which deadlines go. Any thread.
  [[nodiscard]] virtual steady_time now() const noexcept = 0;
};

/// The transport over the operating system's TCP that a system's idle workers wait in. It is made
/// by the first call and lives until the system stops its workers, after the last process has
/// ended. Any thread, and inside processes.
[[nodiscard]] std::shared_ptr<transport> transport_of(troupe::system& system);

/// How long an idle worker of a system looks at the sockets before it sleeps; see `set_busy_poll`.
inline constexpr std::chrono::microseconds default_busy_poll{100};
/// Sets for how long after its last callback the worker that waits in that transport goes on
/// looking at the sockets before it sleeps: an answer over a fast network comes sooner than a
/// thread that sleeps wakes up. Between two looks it lets other threads have the core, and it stops
/// when there is a process to run; where work does not come that soon it looks half as long each
/// time, so an idle system takes no CPU time. 0: it sleeps at once. A simulated system never looks.
/// Any thread. (Erlang: +sbwt; Linux: SO_BUSY_POLL.)
void set_busy_poll(troupe::system& system, std::chrono::nanoseconds time);

namespace internal {

template <class Function>
class [[nodiscard("co_await it")]] executor_call final
    : public troupe::internal::call_elsewhere<Function, operation> {
 public:
  executor_call(transport& where, Function function)
      : troupe::internal::call_elsewhere<Function, operation>(std::move(function)), where_(where) {}

 private:
  void start(completion done) override {
    where_.post([this, done] {
      this->call();
      done();
    });
  }
  transport& where_;
};

}  // namespace internal

/// Runs a function on the transport's executor and gives a process what it returns or throws:
/// `auto made = co_await run_on(transport, [&] { return transport.listen(where, accepted); })`.
/// The process waits for it even when it is killed, so the function may use the process's frame.
template <class Function>
[[nodiscard]] auto run_on(transport& where, Function&& function) {
  return internal::executor_call<std::decay_t<Function>>(where, std::forward<Function>(function));
}

}  // namespace troupe::net
