#include "store.hpp"

#include "support/catch.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <optional>

using play::song_count;
using play::song_plays;
using play::store;
using play::store_options;

namespace {

/// A directory that is gone at the end of the test.
struct temporary_directory {
  temporary_directory() {
    std::string name = (std::filesystem::temp_directory_path() / "play_counter-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path = name;
  }
  ~temporary_directory() { std::filesystem::remove_all(path); }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;

  [[nodiscard]] store_options options() const { return {.file = path / "counts.sqlite"}; }
  std::filesystem::path path;
};

using numbers = std::vector<std::optional<std::int64_t>>;
using list = std::vector<song_count>;

// A play each, by who holds that token.
std::vector<song_plays> songs(const std::vector<std::string>& ids, std::uint64_t token = 1) {
  std::vector<song_plays> made;
  made.reserve(ids.size());
  for (const std::string& id : ids) made.push_back({id, 1, token});
  return made;
}

}  // namespace

TEST_CASE("each play in a batch answers the count after it") {
  const temporary_directory directory;
  store counts(directory.options());
  CHECK(counts.add(songs({"a", "b", "a"})) == numbers{1, 1, 2});
  CHECK(counts.add(songs({"a"})) == numbers{3});
  CHECK(counts.plays("a") == 3);
  CHECK(counts.plays("never-played") == 0);
  CHECK(counts.all() == list{{"a", 3}, {"b", 1}});
}

TEST_CASE("a song that is reset was never played and tells how many plays there were") {
  const temporary_directory directory;
  store counts(directory.options());
  (void)counts.add(songs({"a", "b", "a"}));
  CHECK(counts.reset("a", 1) == 2);
  CHECK(counts.all() == list{{"b", 1}});
  CHECK(counts.reset("a", 1) == 0);
  CHECK(counts.reset("never-played", 1) == 0);
  CHECK(counts.add(songs({"a"})) == numbers{1});
}

TEST_CASE("who comes with a smaller token than has written is refused") {
  const temporary_directory directory;
  store counts(directory.options());
  CHECK(counts.add(songs({"a"}, 7)) == numbers{1});
  CHECK(counts.add(songs({"a", "b"}, 6)) == numbers{std::nullopt, 1});
  CHECK(counts.add(songs({"a"}, 8)) == numbers{2});
  CHECK(counts.add(songs({"a"}, 7)) == numbers{std::nullopt});
  CHECK_THROWS_WITH(counts.reset("a", 7), matchers::ContainsSubstring("has written after"));
  CHECK(counts.reset("a", 9) == 2);
  CHECK(counts.add(songs({"a"}, 8)) == numbers{std::nullopt});
}

TEST_CASE("what was committed is there after the process was killed") {
  const temporary_directory directory;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    store counts(directory.options());
    (void)counts.add(songs({"a", "b"}));
    (void)counts.add(songs({"a"}));
    ::raise(SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  CHECK(store(directory.options()).all() == list{{"a", 2}, {"b", 1}});
}

TEST_CASE("a batch that does not fit into the file changes nothing, and the store goes on") {
  const temporary_directory directory;
  store_options options = directory.options();
  options.max_bytes = 64 * 1024;
  store counts(options);
  (void)counts.add(songs({"a"}));
  std::vector<std::string> many = {"a"};
  for (int i = 1; i < 10000; ++i) many.push_back("a-song-with-a-long-name-" + std::to_string(i));
  CHECK_THROWS_WITH(counts.add(songs(many)), matchers::ContainsSubstring("counts.sqlite") &&
                                                 matchers::ContainsSubstring("full"));
  CHECK(counts.all() == list{{"a", 1}});
  CHECK(counts.add(songs({"a"})) == numbers{2});
}

TEST_CASE("two stores cannot have one file open") {
  const temporary_directory directory;
  std::optional<store> first(std::in_place, directory.options());
  CHECK_THROWS_WITH(store(directory.options()),
                    matchers::ContainsSubstring("another play_counter has it open"));
  first.reset();
  CHECK_NOTHROW(store(directory.options()));
}

TEST_CASE("a file that is no database is refused by name") {
  const temporary_directory directory;
  std::filesystem::create_directory(directory.path / "counts.sqlite");
  CHECK_THROWS_WITH(store(directory.options()), matchers::ContainsSubstring("counts.sqlite"));
}
