#include "routes.hpp"

#include "counts.hpp"
#include "song.hpp"

namespace play {
namespace {

using boost::beast::http::status;
using boost::beast::http::verb;
using troupe::context;
using troupe::task;

reply no_answer(std::string_view whose, const troupe::exit_reason& why) {
  return {status::service_unavailable,
          "no answer of " + std::string(whose) + ": " + to_string(why)};
}

// 200 with the count, or 503 with the reason why its process cannot tell.
template <class Request>
task<reply> ask_song(context self, std::string song) {
  auto count = co_await songs.try_call(self, song, Request{}, call_time);
  if (!count) co_return no_answer("the song " + song, count.reason());
  co_return reply{status::ok, std::to_string(*count)};
}

// What is acknowledged is there: no process of a song need be asked.
task<reply> all_counts(context self, const cluster& all) {
  auto counts = co_await self.try_call({"counts", all.parent}, all_plays{}, call_time);
  if (!counts) co_return no_answer("the counts", counts.reason());
  std::string list;
  for (const auto& [song, plays] : *counts) {
    if (!list.empty()) list += ',';
    list += song + '=' + std::to_string(plays);
  }
  co_return reply{status::ok, std::move(list)};
}

// Each by its process, which knows its count, too.
task<reply> clear_all(context self, const cluster& all) {
  auto counts = co_await self.try_call({"counts", all.parent}, all_plays{}, call_time);
  if (!counts) co_return no_answer("the counts", counts.reason());
  std::int64_t cleared = 0;
  for (const auto& [song, plays] : *counts) {
    auto had = co_await songs.try_call(self, song, clear_plays{}, call_time);
    if (!had) {
      reply failed = no_answer("the song " + song, had.reason());
      failed.body += "; " + std::to_string(cleared) + " songs before it are cleared";
      co_return failed;
    }
    cleared += *had > 0 ? 1 : 0;
  }
  co_return reply{status::ok, "cleared " + std::to_string(cleared) + " songs"};
}

reply not_allowed(std::string allow) {
  return {status::method_not_allowed, "this path knows " + allow, allow};
}

bool valid_song_id(std::string_view id) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !id.empty() && id.size() <= max_song_id &&
         id.find_first_not_of(alphabet) == std::string_view::npos;
}

}  // namespace

task<reply> answer(context self, const cluster& all, verb method, std::string_view target) {
  constexpr std::string_view song_path = "/song/";
  const std::string_view path = target.substr(0, target.find('?'));
  const bool reads = method == verb::get || method == verb::head;

  if (path == "/") {
    if (reads) co_return co_await all_counts(self, all);
    if (method == verb::delete_) co_return co_await clear_all(self, all);
    co_return not_allowed("GET, HEAD, DELETE");
  }
  if (!path.starts_with(song_path)) co_return reply{status::not_found, "there is / and /song/ID"};

  std::string song(path.substr(song_path.size()));
  if (!valid_song_id(song))
    co_return reply{status::not_found, "no song has such an ID: it is 1 to " +
                                           std::to_string(max_song_id) + " of A-Z a-z 0-9 . _ -"};
  if (reads) co_return co_await ask_song<get_plays>(self, std::move(song));
  if (method == verb::post) co_return co_await ask_song<add_play>(self, std::move(song));
  co_return not_allowed("GET, HEAD, POST");
}

}  // namespace play
