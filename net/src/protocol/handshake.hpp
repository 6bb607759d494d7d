#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/cookie.hpp"
#include "protocol/node_name.hpp"

namespace troupe::net {

/// Protocol numbers that this code speaks.
inline constexpr std::uint32_t oldest_protocol = 1;
inline constexpr std::uint32_t newest_protocol = 1;

/// Why a handshake ended without a connection; the values are those on the wire.
enum class refusal {
  unspecified = 0,  ///< the peer gave a reason that this version does not know
  version = 1,
  name = 2,
  self = 3,
  alive = 4,
  lost_tie = 5,
  credentials = 6,
  malformed = 7,
  unavailable = 8,
  certificate = 9,
};

/// One word for metrics and logs.
[[nodiscard]] std::string_view to_string(refusal reason) noexcept;

using nonce = std::array<std::byte, nonce_bytes>;

/// What this node says of itself in one handshake.
struct handshake_identity {
  node_name name;
  std::uint64_t incarnation = 0;  ///< never 0
  nonce fresh_nonce{};            ///< drawn for this handshake alone, from the system's entropy
  std::uint64_t features = 0;
  bool hidden = false;
  std::uint32_t protocol_min = oldest_protocol;
  std::uint32_t protocol_max = newest_protocol;
  /// What ties the proofs to the channel below, the same on both sides; empty without TLS.
  std::vector<std::byte> channel_binding{};
  /// The URIs that the other side's certificate names; nothing without TLS.
  std::optional<std::vector<std::string>> certified{};
};

/// What the other node says of itself, and what both agreed on.
struct peer_info {
  node_name name;
  std::uint64_t incarnation = 0;
  bool hidden = false;
  std::uint32_t protocol = 0;  ///< the newest that both speak
  std::uint64_t features = 0;  ///< those that both have
};

struct handshake_failure {
  enum class side { us, peer };
  refusal reason = refusal::unspecified;
  side refused_by = side::us;
  std::string text;  ///< for our log, with what to do about it; the peer is told less
};

/// What the owner does after start() or on_frame(): first write the bytes, then look at the
/// outcome. After a failure it closes the connection once the bytes are written.
struct handshake_step {
  struct going_on {};
  std::vector<std::byte> write;
  std::variant<going_on, peer_info, handshake_failure> outcome;
};

/// Whether a node may join.
struct admission_answer {
  /// Nothing for yes, or why not, and the same in words for the log of who refuses.
  admission_answer(std::optional<refusal> why_not = std::nullopt,  // NOLINT(*-explicit-*)
                   std::string in_words = "it may not join")
      : no(why_not), what(std::move(in_words)) {}
  /// It turns out later: who is asked then calls handshake::decide().
  [[nodiscard]] static admission_answer not_yet() {
    admission_answer out;
    out.later = true;
    return out;
  }
  std::optional<refusal> no;
  std::string what;
  bool later = false;
};

/// Asked by the acceptor whether a node may join: `alive` if another one of its name is connected
/// and answers, `lost_tie` if this node dials it too and wins_tie() says that the own connection
/// stays, `unavailable`. It is asked twice: when the dialler's hello comes, whose word is not yet
/// proved, and when its proof was right, because things change in between; `not_yet` is an answer
/// to the second only, to the first it means yes. It must change nothing: what follows from an
/// admission follows from the step that holds the peer_info.
using admission = std::function<admission_answer(const peer_info&)>;

/// The handshake of one connection, in either role: bytes in, bytes and an outcome out. PROTOCOL.md
/// is its specification. It knows no socket and no clock; the owner feeds it the bodies that a
/// frame_splitter with the cap max_handshake_frame_bytes cuts, and gives up after its own deadline.
/// After a step with a peer_info the next body belongs to the connected protocol: set the
/// splitter's cap before taking it. For one thread at a time.
///
///   auto shake = handshake::dial(us, secret, peer);  // or accept(us, secret, may_join)
///   write(shake.start().write);
///   while (auto body = splitter.next()) {
///     const handshake_step step = shake.on_frame(*body);
///     write(step.write);
///     if (auto* peer = std::get_if<peer_info>(&step.outcome)) return connected(*peer);
///     if (auto* failure = std::get_if<handshake_failure>(&step.outcome)) return close(*failure);
///   }
class handshake {
 public:
  handshake(handshake&&) = default;
  handshake& operator=(handshake&&) = default;
  handshake(const handshake&) = delete;  // a second proof for one nonce
  handshake& operator=(const handshake&) = delete;
  ~handshake() = default;

  /// Dials the node `peer`: another name at the other end is refused. `secret` must outlive this.
  [[nodiscard]] static handshake dial(handshake_identity us, const cookie& secret, node_name peer);

  /// Answers a connection that came in. `secret` must outlive this.
  [[nodiscard]] static handshake accept(handshake_identity us, const cookie& secret,
                                        admission may_join);

  /// Call once, first. The dialler gets its hello to write; the acceptor nothing.
  [[nodiscard]] handshake_step start();

  /// Takes one frame body. A frame that is not allowed at this point is a failure; so is every
  /// frame after an outcome.
  [[nodiscard]] handshake_step on_frame(std::span<const std::byte> body);

  /// Whether the dialler has proved itself and the owner has yet to say whether it may join.
  [[nodiscard]] bool undecided() const noexcept { return state_ == state::acceptor_decision; }
  /// Says so; only while it is undecided.
  [[nodiscard]] handshake_step decide(const admission_answer& may_join);

  /// What is missing, for the text of the owner's deadline: "the acceptor's hello".
  [[nodiscard]] std::string_view waiting_for() const noexcept;

 private:
  enum class state {
    dialler_hello,
    dialler_welcome,
    acceptor_hello,
    acceptor_proof,
    acceptor_decision,
    finished
  };
  struct incoming;    // one frame, parsed
  struct transition;  // one line of the table of what is allowed

  handshake(state first, handshake_identity us, const cookie& secret,
            std::optional<node_name> dialled, admission may_join);

  handshake_step on_acceptor_hello(const incoming& in);
  handshake_step on_welcome(const incoming& in);
  handshake_step on_dialler_hello(const incoming& in);
  handshake_step on_proof(const incoming& in);
  handshake_step on_refused(const incoming& in);

  std::optional<handshake_failure> learn_peer(const incoming& in);
  [[nodiscard]] std::optional<handshake_failure> check_identity(const peer_info& peer) const;
  [[nodiscard]] std::vector<std::byte> hello_body() const;
  [[nodiscard]] std::vector<std::byte> transcript(role prover) const;
  [[nodiscard]] bool proves(role prover, std::string_view proof) const;
  [[nodiscard]] handshake_failure refuse(refusal reason, const std::string& what) const;
  handshake_step fail(handshake_failure failure);
  handshake_step done(std::vector<std::byte> write);

  state state_;
  handshake_identity us_;
  const cookie* secret_;
  std::optional<node_name> dialled_;      // whom the dialler wants; nothing in an acceptor
  admission may_join_;                    // asked by the acceptor only
  std::optional<peer_info> peer_;         // from its hello; believed only when its proof was right
  std::vector<std::byte> dialler_hello_;  // bodies as they went over the wire
  std::vector<std::byte> acceptor_hello_;
};

}  // namespace troupe::net
