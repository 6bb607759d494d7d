#pragma once

#include <troupe/net/port.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace troupe::net {

/// Cuts the output of a program into messages.
class output_splitter {
 public:
  struct piece {
    std::string bytes;
    bool whole = true;
  };

  output_splitter(port_framing how, std::size_t max_bytes) : how_(how), max_bytes_(max_bytes) {}

  void feed(std::string_view bytes);
  /// The next that is complete. Throws port_error at a packet that is too long.
  [[nodiscard]] std::optional<piece> next();
  /// What is left at the end of the output: of lines the last one. Throws port_error within a
  /// packet.
  [[nodiscard]] std::optional<piece> rest();

 private:
  [[nodiscard]] std::optional<piece> next_line();
  [[nodiscard]] std::optional<piece> next_packet();
  [[nodiscard]] piece take(std::size_t bytes, bool whole);
  [[nodiscard]] std::string_view waiting() const { return std::string_view(held_).substr(at_); }

  port_framing how_;
  std::size_t max_bytes_;
  std::string held_;
  std::size_t at_ = 0;      // what is before it has been taken
  std::size_t no_end_ = 0;  // so many of the bytes that wait hold no end of a line
};

/// How many bytes stand before a packet; 0 if there are no packets.
[[nodiscard]] std::size_t length_bytes(port_framing how) noexcept;
/// What is to be written for a message. Throws port_error if it is too long for its length to be
/// told.
[[nodiscard]] std::string framed(port_framing how, std::string bytes);

}  // namespace troupe::net
