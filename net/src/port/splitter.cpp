#include "port/splitter.hpp"

#include <algorithm>

namespace troupe::net {

std::size_t length_bytes(port_framing how) noexcept {
  switch (how) {
    case port_framing::packets_1: return 1;
    case port_framing::packets_2: return 2;
    case port_framing::packets_4: return 4;
    case port_framing::lines:
    case port_framing::raw: break;
  }
  return 0;
}

std::string framed(port_framing how, std::string bytes) {
  const std::size_t count = length_bytes(how);
  if (count == 0) return bytes;
  if (bytes.size() >= std::uint64_t{1} << (8 * count))
    throw port_error("a packet of " + std::to_string(bytes.size()) + " bytes has no length of " +
                     std::to_string(count) + " bytes: cut it, or use a port_framing of more");
  std::string whole;
  whole.reserve(count + bytes.size());
  for (std::size_t i = count; i-- > 0;)
    whole += static_cast<char>(static_cast<unsigned char>(bytes.size() >> (8 * i)));
  return whole += bytes;
}

void output_splitter::feed(std::string_view bytes) {
  held_.erase(0, at_);
  at_ = 0;
  held_ += bytes;
}

std::optional<output_splitter::piece> output_splitter::next() {
  if (waiting().empty()) return std::nullopt;
  if (how_ == port_framing::lines) return next_line();
  if (how_ == port_framing::raw) return take(std::min(waiting().size(), max_bytes_), true);
  return next_packet();
}

std::optional<output_splitter::piece> output_splitter::next_line() {
  const std::size_t end = waiting().find('\n', no_end_);
  if (end != std::string_view::npos && end <= max_bytes_) {
    piece line = take(end, true);
    ++at_;
    return line;
  }
  if (waiting().size() > max_bytes_) return take(max_bytes_, false);
  no_end_ = waiting().size();
  return std::nullopt;
}

std::optional<output_splitter::piece> output_splitter::next_packet() {
  const std::size_t count = length_bytes(how_);
  if (waiting().size() < count) return std::nullopt;
  std::size_t length = 0;
  for (const char c : waiting().substr(0, count))
    length = length << 8 | static_cast<unsigned char>(c);
  if (length > max_bytes_)
    throw port_error("the program wrote a packet of " + std::to_string(length) +
                     " bytes, more than port_options::max_message_bytes: raise it, or see that "
                     "port_options::framing is that of the program");
  if (waiting().size() < count + length) return std::nullopt;
  at_ += count;
  return take(length, true);
}

std::optional<output_splitter::piece> output_splitter::rest() {
  if (waiting().empty()) return std::nullopt;
  if (length_bytes(how_) != 0) throw port_error("the output of the program ended within a packet");
  return take(waiting().size(), how_ != port_framing::lines);
}

output_splitter::piece output_splitter::take(std::size_t bytes, bool whole) {
  piece taken{std::string(waiting().substr(0, bytes)), whole};
  at_ += bytes;
  no_end_ = 0;
  return taken;
}

}  // namespace troupe::net
