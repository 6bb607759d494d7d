#include "rendezvous.hpp"

namespace play {

// FNV-1a, whose result is then mixed by the end of SplitMix64: FNV alone lets similar names have
// similar high bits, and the highest hash wins.
std::uint64_t rendezvous_weight(std::string_view member, std::string_view song) {
  std::uint64_t h = 0xcbf29ce484222325u;
  const auto add = [&h](char c) { h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u; };
  for (const char c : member) add(c);
  add('\0');  // so that "ab" with "c" is not "a" with "bc"
  for (const char c : song) add(c);
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
  return h ^ (h >> 31);
}

}  // namespace play
