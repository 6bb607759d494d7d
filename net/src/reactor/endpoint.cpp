#include <troupe/net/transport.hpp>

#include <charconv>

namespace troupe::net {

std::string to_string(const endpoint& where) {
  const bool brackets = where.host.find(':') != std::string::npos;
  return (brackets ? '[' + where.host + ']' : where.host) + ':' + std::to_string(where.port);
}

std::optional<endpoint> parse_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  // Brackets are for what has colons, and for nothing else.
  if (brackets != (host.find(':') != std::string_view::npos)) return std::nullopt;
  if (host.find_first_of("[]") != std::string_view::npos) return std::nullopt;
  endpoint where{std::string(host), 0};
  const auto [end, error] = std::from_chars(port.begin(), port.end(), where.port);
  if (host.empty() || error != std::errc{} || end != port.end()) return std::nullopt;
  return where;
}

}  // namespace troupe::net
