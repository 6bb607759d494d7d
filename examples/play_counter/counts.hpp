#pragma once

#include "store.hpp"

#include <troupe/troupe.hpp>

namespace play {

// What the processes of songs, and who wants all counts, ask "counts". Plain aggregates: they cross
// the network with nothing more to write.

struct add_plays {
  song_plays what;
  using reply = std::int64_t;  // the new count, which is committed
};
struct read_plays {
  std::string song;
  using reply = std::int64_t;
};
struct reset_plays {
  std::string song;
  std::uint64_t token = 0;
  using reply = std::int64_t;  // how many there were
};
struct all_plays {
  using reply = std::vector<song_count>;  // in order of the songs
};

/// The counts of all songs, on the parent's node; registered as "counts". An error of the store is
/// the answer to the request that met it: a full disk is no reason to crash.
class counts : public troupe::server {
 public:
  using handles = troupe::messages<add_plays, read_plays, reset_plays, all_plays>;

  /// How many songs go into one transaction at most.
  static constexpr std::size_t max_batch = 1000;

  explicit counts(const store_options& file) : store_(file) {}

  troupe::task<> handle(troupe::request<add_plays> first);
  troupe::task<> handle(troupe::request<read_plays> asked);
  troupe::task<> handle(troupe::request<reset_plays> asked);
  troupe::task<> handle(troupe::request<all_plays> asked);

 private:
  // Answers with what the function gives, or with why the store could not do it.
  template <class T, class Function>
  troupe::task<> answer(troupe::request<T> asked, Function function);

  store store_;
};

}  // namespace play
