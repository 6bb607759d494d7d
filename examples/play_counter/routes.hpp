#pragma once

#include "cluster.hpp"

#include <troupe/troupe.hpp>

#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>

namespace play {

/// What an HTTP request is answered with.
struct reply {
  boost::beast::http::status status;
  std::string body = {};
  std::string allow = {};  // of a 405: the methods that this path knows
};

/// A song's ID is 1 to so many of `A-Z a-z 0-9 . _ -`: what needs no quoting in a URL or in a list.
inline constexpr std::size_t max_song_id = 64;

/// How long an answer may take. While the process of a song is on its way to another node a request
/// waits, but no longer than this.
inline constexpr std::chrono::seconds call_time{2};

/// What the service does: asks the process of the song, or those of all songs, and says what came
/// of it. Any node gives the same answer.
///
///     GET /song/ID   POST /song/ID   GET /   DELETE /   and HEAD in the place of GET
[[nodiscard]] troupe::task<reply> answer(troupe::context self, const cluster& all,
                                         boost::beast::http::verb method, std::string_view target);

}  // namespace play
