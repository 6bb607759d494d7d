#pragma once

#include "store.hpp"

#include <troupe/troupe.hpp>

namespace play {

// What the owner of songs is asked. Plain aggregates: they cross the network with nothing more to
// write. A type that names a reply is answered.

struct add_play {
  std::string song;
  using reply = std::int64_t;  // the new count, which is committed
};
struct get_plays {
  std::string song;
  using reply = std::int64_t;
};
struct all_plays {
  using reply = std::vector<song_count>;  // in order of the songs
};
struct clear_plays {
  using reply = std::int64_t;  // how many songs had been played
};

/// The songs that one node owns; registered as "songs". An error of the store is the answer to the
/// request that met it: a full disk is no reason to crash.
class songs : public troupe::server {
 public:
  using handles = troupe::messages<add_play, get_plays, all_plays, clear_plays>;

  /// How many plays go into one transaction at most.
  static constexpr std::size_t max_batch = 1000;

  explicit songs(const store_options& counts) : store_(counts) {}

  troupe::task<> handle(troupe::request<add_play> first);
  troupe::task<> handle(troupe::request<get_plays> asked);
  troupe::task<> handle(troupe::request<all_plays> asked);
  troupe::task<> handle(troupe::request<clear_plays> asked);

 private:
  // Answers with what the function gives, or with why the store could not do it.
  template <class T, class Function>
  troupe::task<> answer(troupe::request<T> asked, Function function);

  store store_;
};

}  // namespace play
