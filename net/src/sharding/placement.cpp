#include "sharding/placement.hpp"

#include <troupe/net/sharding.hpp>

namespace troupe::net {
namespace {

// FNV-1a, whose result is then mixed by the end of SplitMix64: FNV alone lets similar texts have
// similar high bits.
std::uint64_t hash(std::string_view text) noexcept {
  std::uint64_t h = 0xcbf29ce484222325u;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
  return h ^ (h >> 31);
}

}  // namespace

std::uint32_t shard_of(std::string_view key, std::size_t shards) noexcept {
  return static_cast<std::uint32_t>(hash(key) % shards);
}

std::string_view internal::owner_of(std::uint32_t shard, const std::set<std::string>& nodes) {
  const std::string number = '/' + std::to_string(shard);
  std::string_view best;
  std::uint64_t greatest = 0;
  for (const std::string& node : nodes) {
    const std::uint64_t weight = hash(node + number);
    if (!best.empty() && weight <= greatest) continue;
    best = node;
    greatest = weight;
  }
  return best;
}

}  // namespace troupe::net
