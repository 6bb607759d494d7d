#include "protocol/node_name.hpp"

#include <arpa/inet.h>  // inet_pton and inet_ntop: from text to address and back, no network

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "wire/limits.hpp"
#include "wire/printable.hpp"

namespace troupe::net {
namespace {

using part = node_name_error::part;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

std::string quoted(std::string_view text) { return "`" + printable(text) + "`"; }

struct problem {
  part where;
  std::string why;
};

std::optional<problem> check_app(std::string_view app) {
  if (app.empty()) return problem{part::app, "nothing stands before the @: give the node a name"};
  const bool allowed = std::ranges::all_of(app, [](char c) {
    return is_lower(c) || is_upper(c) || is_digit(c) || c == '_' || c == '-';
  });
  if (allowed) return std::nullopt;
  return problem{part::app,
                 "before the @ only letters a-z and A-Z, digits, _ and - may stand: leave out what "
                 "else is in " +
                     quoted(app)};
}

// The address as the system writes it, or nothing if it is none.
std::optional<std::string> canonical_address(int family, const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  std::array<char, INET6_ADDRSTRLEN> canonical{};
  if (inet_pton(family, text.c_str(), address.data()) != 1) return std::nullopt;
  if (inet_ntop(family, address.data(), canonical.data(), canonical.size()) == nullptr)
    return std::nullopt;
  return std::string(canonical.data());
}

std::optional<problem> check_ipv6(const std::string& address) {
  const auto canonical = canonical_address(AF_INET6, address);
  if (!canonical)
    return problem{part::host, quoted(address) +
                                   " in the brackets is no IPv6 address: write one "
                                   "such as [::1] or [2001:db8::7], without a zone"};
  if (*canonical != address)
    return problem{part::host, "an address has one spelling in node names: write [" + *canonical +
                                   "] instead of " + quoted("[" + address + "]")};
  return std::nullopt;
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-';
}

std::optional<problem> check_host(std::string_view host) {
  if (host.empty())
    return problem{part::host,
                   "the host is missing: write a host name or an address, such as "
                   "127.0.0.1, after the @"};
  if (std::ranges::any_of(host, is_upper))
    return problem{part::host, "a host has one spelling in node names: write " + quoted(host) +
                                   " in lower case"};
  const bool allowed = std::ranges::all_of(
      host, [](char c) { return is_lower(c) || is_digit(c) || c == '.' || c == '-'; });
  if (!allowed)
    return problem{part::host, quoted(host) +
                                   " is no host: write a host name or IPv4 address of "
                                   "letters, digits, . and -, or an IPv6 address in brackets"};
  const bool numeric = std::ranges::all_of(host, [](char c) { return is_digit(c) || c == '.'; });
  if (numeric && !canonical_address(AF_INET, std::string(host)))
    return problem{part::host, quoted(host) +
                                   " is no IPv4 address: write four numbers from 0 to "
                                   "255 without leading zeros"};
  for (std::string_view rest = host;;) {
    const std::size_t dot = rest.find('.');
    if (!is_label(rest.substr(0, dot)))
      return problem{part::host, quoted(host) +
                                     " is no host name: between the dots stand 1 to 63 "
                                     "characters that neither begin nor end with -"};
    if (dot == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(dot + 1);
  }
}

std::variant<std::uint16_t, problem> read_port(std::string_view port, std::uint16_t lowest) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  const bool whole = error == std::errc() && end == port.data() + port.size();
  const bool plain = port.size() == 1 || !port.starts_with('0');
  if (whole && plain && number >= lowest) return number;
  if (whole && plain)
    return problem{part::port,
                   "port 0, by which the system chooses one, has a meaning only where "
                   "a node listens: write the port on which the node is reached"};
  return problem{part::port, quoted(port) + " is no port: write a number from " +
                                 std::to_string(lowest) + " to 65535 without leading zeros"};
}

node_name_error explain(std::string_view text, const problem& found) {
  return {found.where, "bad node name " + quoted(text) + ": " + found.why};
}

}  // namespace

std::variant<node_name, node_name_error> node_name::parse(std::string_view text) {
  return parse(text, 1);
}

std::variant<node_name, node_name_error> node_name::parse_to_listen(std::string_view text) {
  return parse(text, 0);
}

std::variant<node_name, node_name_error> node_name::parse(std::string_view text,
                                                          std::uint16_t lowest_port) {
  // A port that the system chooses may have five digits where the 0 stands.
  const std::size_t longest = lowest_port == 0 ? max_name_bytes - 4 : max_name_bytes;
  if (text.size() > longest)
    return explain(text, {part::whole, "it has " + std::to_string(text.size()) +
                                           " bytes: shorten it to " + std::to_string(longest)});
  const std::size_t at = text.find('@');
  const std::size_t colon = text.rfind(':');
  if (at == std::string_view::npos || colon == std::string_view::npos || colon < at ||
      text.ends_with(']'))
    return explain(text, {part::whole,
                          "it has not the form app@host:port: write for example "
                          "counter@127.0.0.1:7400"});
  if (const auto found = check_app(text.substr(0, at))) return explain(text, *found);

  const std::string_view host = text.substr(at + 1, colon - at - 1);
  const bool bracketed = host.size() >= 2 && host.starts_with('[') && host.ends_with(']');
  const auto found =
      bracketed ? check_ipv6(std::string(host.substr(1, host.size() - 2))) : check_host(host);
  if (found) return explain(text, *found);

  const auto port = read_port(text.substr(colon + 1), lowest_port);
  if (const auto* wrong = std::get_if<problem>(&port)) return explain(text, *wrong);
  return node_name(std::string(text), std::get<std::uint16_t>(port));
}

node_name node_name::with_port(std::uint16_t port) const {
  return {text_.substr(0, text_.rfind(':') + 1) + std::to_string(port), port};
}

std::string_view node_name::app() const noexcept {
  return std::string_view(text_).substr(0, text_.find('@'));
}

std::string_view node_name::host() const noexcept {
  const std::size_t at = text_.find('@');
  std::string_view host = std::string_view(text_).substr(at + 1, text_.rfind(':') - at - 1);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  return host;
}

std::string node_name::uri() const { return "troupe:" + text_.substr(0, text_.rfind(':')); }

}  // namespace troupe::net
