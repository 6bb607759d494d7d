#include "routes.hpp"

#include "songs.hpp"

namespace play {
namespace {

using boost::beast::http::status;
using boost::beast::http::verb;
using troupe::context;
using troupe::task;

std::string no_answer(const member& owner, const troupe::exit_reason& why) {
  return owner.node + " does not answer for its songs: " + to_string(why);
}

// 200 with the count, or 503 with the reason why its owner cannot tell.
template <class Request>
task<reply> ask_owner(context self, const cluster& all, std::string song) {
  const member& owner = all.owner(song);
  auto count = co_await self.try_call({"songs", owner.node}, Request{std::move(song)}, call_time);
  if (count) co_return reply{status::ok, std::to_string(*count)};
  co_return reply{status::service_unavailable, no_answer(owner, count.reason())};
}

// Asks all owners at once, then takes their answers; gives a line for each that has none.
template <class Request, class Take>
task<std::string> ask_all(context self, const cluster& all, Take take) {
  std::vector<troupe::pending_reply<Request>> asked;
  asked.reserve(all.members.size());
  for (const member& each : all.members)
    asked.push_back(self.send_request({"songs", each.node}, Request{}, call_time));

  std::string missing;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    auto part = co_await asked[i];
    if (part)
      take(*part);
    else
      missing += no_answer(all.members[i], part.reason()) + '\n';
  }
  co_return missing;
}

// A part must not pass for the whole, so it is no 200.
reply whole_or_part(const std::string& missing, std::string found) {
  if (missing.empty()) return {status::ok, std::move(found)};
  return {status::service_unavailable, missing + "the others: " + found};
}

task<reply> all_counts(context self, const cluster& all) {
  std::vector<song_count> counts;
  const std::string missing = co_await ask_all<all_plays>(
      self, all,
      [&](std::vector<song_count>& part) { std::ranges::move(part, std::back_inserter(counts)); });
  std::ranges::sort(counts, {}, &song_count::song);
  std::string list;
  for (const auto& [song, plays] : counts) {
    if (!list.empty()) list += ',';
    list += song + '=' + std::to_string(plays);
  }
  co_return whole_or_part(missing, std::move(list));
}

task<reply> clear_all(context self, const cluster& all) {
  std::int64_t cleared = 0;
  const std::string missing =
      co_await ask_all<clear_plays>(self, all, [&](std::int64_t part) { cleared += part; });
  co_return whole_or_part(missing, "cleared " + std::to_string(cleared) + " songs");
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
  if (reads) co_return co_await ask_owner<get_plays>(self, all, std::move(song));
  if (method == verb::post) co_return co_await ask_owner<add_play>(self, all, std::move(song));
  co_return not_allowed("GET, HEAD, POST");
}

}  // namespace play
