#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <ranges>
#include <string_view>

namespace play {

/// A hash of both names. Depends on nothing else, so it is the same on every machine and after
/// every restart; std::hash may differ between programs.
[[nodiscard]] std::uint64_t rendezvous_weight(std::string_view member, std::string_view song);

/// Which member owns a song, by rendezvous hashing: the one with the highest weight together with
/// the song. Every node finds the same owner without asking anyone, songs spread evenly, and a new
/// member takes over only the songs that it then owns. There must be a member; `name` gives its
/// name.
template <std::ranges::forward_range Members, class Name = std::identity>
[[nodiscard]] const auto& owner_of(std::string_view song, const Members& members, Name name = {}) {
  return *std::ranges::max_element(members, {}, [&](const auto& member) {
    return rendezvous_weight(std::invoke(name, member), song);
  });
}

}  // namespace play
