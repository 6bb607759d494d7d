#include "store.hpp"

#include <sqlite3.h>

namespace play {

void store::closer::operator()(sqlite3* database) const noexcept { sqlite3_close(database); }
void store::closer::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

store::store(const store_options& options) : file_(options.file.string()) {
  sqlite3* opened = nullptr;
  // Used by one thread at a time, so SQLite need not lock.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int result = sqlite3_open_v2(file_.c_str(), &opened, flags, nullptr);
  database_.reset(opened);
  if (result != SQLITE_OK) fail("cannot open it");
  run("PRAGMA locking_mode=EXCLUSIVE");  // another cluster on the same data would count wrong
  run("PRAGMA journal_mode=WAL");
  run(options.survive_power_loss ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
  const std::int64_t page_bytes = number(prepare("PRAGMA page_size")).value();
  run(("PRAGMA max_page_count=" + std::to_string(options.max_bytes / page_bytes)).c_str());
  create_or_check();
  add_ = prepare(
      "INSERT INTO plays VALUES (?1, ?3, ?2) ON CONFLICT (song) DO UPDATE "
      "SET plays = plays + ?3, token = ?2 WHERE token <= ?2 RETURNING plays");
  plays_ = prepare("SELECT plays FROM plays WHERE song = ?1");
  all_ = prepare("SELECT song, plays FROM plays WHERE plays > 0 ORDER BY song");
  reset_ =
      prepare("UPDATE plays SET plays = 0, token = ?2 WHERE song = ?1 AND token <= ?2 RETURNING 0");
}

std::string stale_token(std::string_view song) {
  return "another process of the song " + std::string(song) + " has written after this one";
}

void store::create_or_check() {
  constexpr std::int64_t format = 2'000;  // of these tables; that before had the number of nodes
  run("BEGIN IMMEDIATE");
  const auto made_for = number(prepare("PRAGMA user_version"));
  if (made_for == 0) {
    run("CREATE TABLE plays (song TEXT PRIMARY KEY, plays INTEGER NOT NULL, "
        "token INTEGER NOT NULL) WITHOUT ROWID");
    run(("PRAGMA user_version=" + std::to_string(format)).c_str());
  } else if (made_for != format) {
    throw store_error(file_ +
                      ": these counts are of another version of play_counter: give "
                      "another directory");
  }
  run("COMMIT");
}

std::vector<std::optional<std::int64_t>> store::add(std::span<const song_plays> plays) {
  std::vector<std::optional<std::int64_t>> counts;
  counts.reserve(plays.size());
  run("BEGIN IMMEDIATE");
  try {
    for (const song_plays& each : plays)
      counts.push_back(number(add_, each.song, each.token, each.plays));
    run("COMMIT");
  } catch (...) {
    // Some errors have rolled it back already; then this one fails, as it may.
    sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    throw;
  }
  return counts;
}

std::int64_t store::plays(std::string_view song) { return number(plays_, song).value_or(0); }

std::vector<song_count> store::all() {
  std::vector<song_count> rows;
  sqlite3_stmt* const each = all_.get();
  int result = SQLITE_OK;
  while ((result = sqlite3_step(each)) == SQLITE_ROW) {
    const auto* text = static_cast<const char*>(sqlite3_column_blob(each, 0));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(each, 0));
    rows.push_back({std::string(text, size), sqlite3_column_int64(each, 1)});
  }
  sqlite3_reset(each);
  if (result != SQLITE_DONE) fail("cannot read all counts");
  return rows;
}

std::int64_t store::reset(std::string_view song, std::uint64_t token) {
  const auto had = number(plays_, song);
  if (!had) return 0;
  if (!number(reset_, song, token)) throw store_error(stale_token(song));
  return *had;
}

void store::fail(std::string_view what) const {
  const char* why = database_ ? sqlite3_errmsg(database_.get()) : "out of memory";
  std::string hint;
  if (database_ && sqlite3_errcode(database_.get()) == SQLITE_BUSY)
    hint = "; another play_counter has it open: stop that one, or give another directory";
  throw store_error(file_ + ": " + std::string(what) + ": " + why + hint);
}

void store::run(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail(sql);
}

store::statement store::prepare(const char* sql) {
  sqlite3_stmt* made = nullptr;
  if (sqlite3_prepare_v2(database_.get(), sql, -1, &made, nullptr) != SQLITE_OK) fail(sql);
  return statement(made);
}

std::optional<std::int64_t> store::number(const statement& what, std::string_view song,
                                          std::uint64_t token, std::int64_t plays) {
  sqlite3_stmt* const one = what.get();
  const int parameters = sqlite3_bind_parameter_count(one);
  if (parameters >= 1)
    sqlite3_bind_text(one, 1, song.data(), static_cast<int>(song.size()), SQLITE_STATIC);
  // A token from the clock fits until the year 2262.
  if (parameters >= 2) sqlite3_bind_int64(one, 2, static_cast<std::int64_t>(token));
  if (parameters >= 3) sqlite3_bind_int64(one, 3, plays);
  int result = sqlite3_step(one);
  std::optional<std::int64_t> value;
  if (result == SQLITE_ROW) {
    value = sqlite3_column_int64(one, 0);
    result = sqlite3_step(one);
  }
  sqlite3_reset(one);
  if (result != SQLITE_DONE) fail(sqlite3_sql(one));
  return value;
}

}  // namespace play
