#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace play {

struct song_count {
  std::string song;
  std::int64_t plays = 0;
  friend bool operator==(const song_count&, const song_count&) = default;
};

/// Plays of one song, from who holds that token.
struct song_plays {
  std::string song;
  std::int64_t plays = 0;
  std::uint64_t token = 0;
};

/// The file could not be opened, read or written: the text says which and why.
class store_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct store_options {
  std::filesystem::path file;
  /// What is committed survives the end of this process in any case. To survive the end of the
  /// machine too it must be on the disk before it is acknowledged, which costs an fsync each time.
  bool survive_power_loss = false;
  /// Of the file. New songs are refused when it is full, so that whoever may POST cannot fill the
  /// disk. 8 MiB are some 200000 songs, which still fit into one message between nodes.
  std::int64_t max_bytes = 8 * 1024 * 1024;
};

/// Why such a write is refused.
[[nodiscard]] std::string stale_token(std::string_view song);

/// The play counts in an SQLite file with a write-ahead log. The file is locked while it is open.
/// With each song stands the greatest fencing token that has written it; who comes with a smaller
/// one has been replaced, and is refused. All functions block: call them on the blocking pool, one
/// at a time. They throw store_error, and have then changed nothing.
class store {
 public:
  explicit store(const store_options& options);

  /// Adds all of them in one transaction and gives the new counts, in order: none for one that came
  /// with a token that is too small. They are committed when it returns.
  std::vector<std::optional<std::int64_t>> add(std::span<const song_plays> plays);
  /// 0 for a song that was never played.
  [[nodiscard]] std::int64_t plays(std::string_view song);
  /// All songs that were played, in order of their ids.
  [[nodiscard]] std::vector<song_count> all();
  /// The song was never played, but keeps its token. Gives how many plays there were.
  std::int64_t reset(std::string_view song, std::uint64_t token);

 private:
  struct closer {
    void operator()(sqlite3* database) const noexcept;
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  using statement = std::unique_ptr<sqlite3_stmt, closer>;

  [[noreturn]] void fail(std::string_view what) const;
  void run(const char* sql);
  void create_or_check();
  statement prepare(const char* sql);
  // The first column of the only row, or nothing; the others are the statement's parameters, as
  // many as it has.
  std::optional<std::int64_t> number(const statement& what, std::string_view song = {},
                                     std::uint64_t token = 0, std::int64_t plays = 0);

  std::string file_;
  std::unique_ptr<sqlite3, closer> database_;
  statement add_, plays_, all_, reset_;
};

}  // namespace play
