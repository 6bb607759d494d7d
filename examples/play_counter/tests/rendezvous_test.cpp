#include "rendezvous.hpp"

#include "support/catch.hpp"

#include <map>
#include <vector>

using play::owner_of;

namespace {

const std::vector<std::string> three = {"play1", "play2", "play3"};

std::vector<std::string> some_songs(std::size_t how_many) {
  std::vector<std::string> songs;
  for (std::size_t i = 0; i < how_many; ++i) songs.push_back("song-" + std::to_string(i));
  return songs;
}

}  // namespace

TEST_CASE("a song's owner is the same in every build, on every machine and for ever") {
  // Files hold counts by these: a change would look for old counts on the wrong node.
  CHECK(owner_of("a", three) == "play1");
  CHECK(owner_of("b", three) == "play2");
  CHECK(owner_of("blue-monday", three) == "play3");
  CHECK(owner_of("song-1", three) == "play1");
}

TEST_CASE("the order in which members are named does not matter") {
  const std::vector<std::string> turned = {"play3", "play1", "play2"};
  for (const std::string& song : some_songs(1000))
    CHECK(owner_of(song, three) == owner_of(song, turned));
}

TEST_CASE("songs with similar names spread evenly over the members") {
  std::map<std::string, int> owned;
  for (const std::string& song : some_songs(30000)) ++owned[owner_of(song, three)];
  for (const std::string& member : three) {
    CHECK(owned[member] > 9600);
    CHECK(owned[member] < 10400);
  }
}

TEST_CASE("a new member takes its share of the songs, and no other song moves") {
  const std::vector<std::string> four = {"play1", "play2", "play3", "play4"};
  int moved = 0;
  for (const std::string& song : some_songs(10000)) {
    const std::string& now = owner_of(song, four);
    if (now == owner_of(song, three)) continue;
    CHECK(now == "play4");
    ++moved;
  }
  CHECK(moved > 2300);
  CHECK(moved < 2700);
}

TEST_CASE("the only member owns every song") {
  const std::vector<std::string> one = {"play1"};
  for (const std::string& song : some_songs(100)) CHECK(owner_of(song, one) == "play1");
}
