#include "store.hpp"

#include "support/catch.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <optional>

using play::song_count;
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

  [[nodiscard]] store_options options(int members = 3) const {
    return {.file = path / "counts.sqlite", .members = members};
  }
  std::filesystem::path path;
};

using songs = std::vector<std::string>;
using numbers = std::vector<std::int64_t>;
using list = std::vector<song_count>;

}  // namespace

TEST_CASE("each play in a batch answers the count after it") {
  const temporary_directory directory;
  store counts(directory.options());
  CHECK(counts.add(songs{"a", "b", "a"}) == numbers{1, 1, 2});
  CHECK(counts.add(songs{"a"}) == numbers{3});
  CHECK(counts.plays("a") == 3);
  CHECK(counts.plays("never-played") == 0);
  CHECK(counts.all() == list{{"a", 3}, {"b", 1}});
}

TEST_CASE("clear forgets all counts and tells how many songs there were") {
  const temporary_directory directory;
  store counts(directory.options());
  (void)counts.add(songs{"a", "b", "a"});
  CHECK(counts.clear() == 2);
  CHECK(counts.all().empty());
  CHECK(counts.clear() == 0);
  CHECK(counts.add(songs{"a"}) == numbers{1});
}

TEST_CASE("what was committed is there after the process was killed") {
  const temporary_directory directory;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    store counts(directory.options());
    (void)counts.add(songs{"a", "b"});
    (void)counts.add(songs{"a"});
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
  (void)counts.add(songs{"a"});
  songs many;
  for (int i = 0; i < 10000; ++i) many.push_back("a-song-with-a-long-name-" + std::to_string(i));
  many.front() = "a";
  CHECK_THROWS_WITH(counts.add(many), matchers::ContainsSubstring("counts.sqlite") &&
                                          matchers::ContainsSubstring("full"));
  CHECK(counts.all() == list{{"a", 1}});
  CHECK(counts.add(songs{"a"}) == numbers{2});
}

TEST_CASE("counts of a cluster of another size are refused") {
  const temporary_directory directory;
  (void)store(directory.options(3)).add(songs{"a"});
  CHECK_THROWS_WITH(store(directory.options(5)), matchers::ContainsSubstring("cluster of 3 nodes"));
  CHECK(store(directory.options(3)).plays("a") == 1);
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
