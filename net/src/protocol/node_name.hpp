#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace troupe::net {

/// Why a text is no node name.
struct node_name_error {
  enum class part { whole, app, host, port };
  part where = part::whole;
  std::string text;  ///< what was given, what is wrong with it, and what to write instead
};

/// The name of a node, `app@host:port`, which is also the address it listens on.
///
/// - app: 1 or more of `a-z A-Z 0-9 _ -`;
/// - host: a host name or IPv4 address (`a-z 0-9 . -`), or an IPv6 address in brackets; in lower
///   case and, for addresses, in the usual short form, so that one address has one spelling;
/// - port: 1 to 65535, without leading zeros.
///
/// At most max_name_bytes in all. Names are equal if their texts are.
class node_name {
 public:
  /// Reads the name of a node that can be reached.
  [[nodiscard]] static std::variant<node_name, node_name_error> parse(std::string_view text);

  /// Reads the name under which to listen: port 0 asks the system to choose a port, and with_port()
  /// then gives the name to announce.
  [[nodiscard]] static std::variant<node_name, node_name_error> parse_to_listen(
      std::string_view text);

  [[nodiscard]] node_name with_port(std::uint16_t port) const;

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] std::string_view app() const noexcept;
  /// Without the brackets of an IPv6 address: what a resolver takes.
  [[nodiscard]] std::string_view host() const noexcept;
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// By which a certificate names the node, `troupe:app@host`: a certificate is for a place, and
  /// the system may choose the port.
  [[nodiscard]] std::string uri() const;

  friend bool operator==(const node_name&, const node_name&) = default;
  friend auto operator<=>(const node_name&, const node_name&) = default;

 private:
  node_name(std::string text, std::uint16_t port) : text_(std::move(text)), port_(port) {}
  static std::variant<node_name, node_name_error> parse(std::string_view text,
                                                        std::uint16_t lowest_port);

  std::string text_;
  std::uint16_t port_;
};

/// Of two connections that two nodes dialled to each other at the same time, the one dialled by the
/// node with the greater name stays (as in OTP's dist_util): whether `dialler`'s is that one.
[[nodiscard]] inline bool wins_tie(const node_name& dialler, const node_name& acceptor) {
  return dialler.text() > acceptor.text();
}

}  // namespace troupe::net
