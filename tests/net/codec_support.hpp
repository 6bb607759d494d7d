#pragma once
// What the tests of the codec share: a mapper of pids without a connection, and round trips.

#include <troupe/exit_reason.hpp>
#include <troupe/pid.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "support/catch.hpp"
#include "wire/codec.hpp"

namespace troupe::net::codec_test {

using cause = codec_error::cause;

// Nodes have the same numbers here and on the wire; those up to 9 are defined.
struct plain_pids final : pid_mapper {
  wire_pid to_wire(pid p) override { return {p.node, p.id}; }
  std::optional<pid> from_wire(wire_pid p) override {
    if (p.node > 9) return std::nullopt;
    return pid{p.node, p.id};
  }
};

template <class T>
std::optional<codec_error> try_encode(const T& value, std::string& out, const limits& bounds = {}) {
  plain_pids pids;
  return encode(type_of<T>, &value, out, pids, bounds);
}

template <class T>
std::optional<codec_error> try_decode(std::string_view bytes, T& value, const limits& bounds = {}) {
  plain_pids pids;
  return decode(type_of<T>, &value, bytes, pids, bounds);
}

inline std::string text_of(const std::optional<codec_error>& error) {
  return error ? error->text : std::string();
}

template <class T>
std::string encoded(const T& value) {
  std::string out;
  const auto error = try_encode(value, out);
  INFO(text_of(error));
  REQUIRE_FALSE(error);
  return out;
}

template <class T>
T decoded(std::string_view bytes) {
  T value{};
  const auto error = try_decode(bytes, value);
  INFO(text_of(error));
  REQUIRE_FALSE(error);
  return value;
}

template <class T>
T round_trip(const T& value) {
  return decoded<T>(encoded(value));
}

// Bytes as one writes them down: "08 96 01".
inline std::string hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    if (!out.empty()) out += ' ';
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

inline std::string unhex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 3)
    out += static_cast<char>(digit(text[i]) << 4 | digit(text[i + 1]));
  return out;
}

}  // namespace troupe::net::codec_test
