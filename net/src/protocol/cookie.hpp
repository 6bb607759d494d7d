#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "wire/limits.hpp"

namespace troupe::net {

/// Who opened the connection. Each role has its own key, so that no proof fits the other side.
enum class role { dialler, acceptor };

[[nodiscard]] std::string_view to_string(role who) noexcept;

using mac = std::array<std::byte, mac_bytes>;

/// Why there is no cookie.
struct cookie_error {
  enum class cause {
    missing,     ///< no source has one
    too_short,   ///< below cookie::min_bytes, or empty
    too_long,    ///< above cookie::max_bytes
    unreadable,  ///< the file cannot be opened or read
    not_a_file,  ///< a directory, pipe or device
    not_ours,    ///< the file belongs to another user
    exposed,     ///< the file's mode lets others use it
  };
  cause what = cause::missing;
  std::string text;  ///< what, where, and how to put it right; never holds the cookie
};

/// The secret that all nodes of a cluster share, as the two keys made from it:
/// HKDF-SHA-256(cookie, no salt, "troupe v1 dialler" or "troupe v1 acceptor"), 32 bytes each. The
/// cookie's own text is not kept; the keys are wiped when this is destroyed or moved from.
/// Immutable, so any number of handshakes on any threads may use it at once.
class cookie {
 public:
  /// Shortest that is taken. A proof can be tried against guesses offline by who has seen it, so
  /// what counts is the cookie's randomness: 16 bytes are 128 bits at best. Make it as how_to_make
  /// says, with 256.
  static constexpr std::size_t min_bytes = 16;
  /// Longest that is taken: more is a wrong file.
  static constexpr std::size_t max_bytes = 4096;
  /// The shell command that makes a good one; part of every error text.
  static constexpr std::string_view how_to_make =
      "head -c 32 /dev/urandom | base64 > ~/.troupe.cookie && chmod 400 ~/.troupe.cookie";

  /// White space (blank, tab, line end) around the text does not count. `where` is named in the
  /// error: "the option .cookie", "the file /home/me/.troupe.cookie". Throws std::runtime_error if
  /// the installed OpenSSL has no HKDF or SHA-256.
  [[nodiscard]] static std::variant<cookie, cookie_error> from_text(std::string_view text,
                                                                    std::string_view where);

  cookie(cookie&& other) noexcept;
  cookie& operator=(cookie&&) = delete;
  ~cookie();

  /// HMAC-SHA-256 of the transcript under the prover's key. Throws std::runtime_error if OpenSSL
  /// has no memory.
  [[nodiscard]] mac prove(role prover, std::span<const std::byte> transcript) const;

  /// Whether `proof` is what prove() gives, in a time that does not tell how much of it is right.
  [[nodiscard]] bool verify(role prover, std::span<const std::byte> transcript,
                            std::span<const std::byte> proof) const;

 private:
  using key = std::array<std::byte, 32>;

  explicit cookie(std::string_view text);

  std::array<key, 2> keys_{};  // by role
};

}  // namespace troupe::net
