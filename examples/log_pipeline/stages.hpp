#pragma once
// The stages: reader -> parser -> an aggregator for each partition of hosts -> totals.

#include <troupe/stage.hpp>

#include <atomic>
#include <chrono>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace logs {

/// How many lines have been read and not yet counted, or lost with a crash.
class meter {
 public:
  void up() noexcept {
    const int now = ++in_flight_;
    for (int most = most_; now > most && !most_.compare_exchange_weak(most, now);) {
    }
  }
  void down() noexcept { --in_flight_; }
  [[nodiscard]] int most() const noexcept { return most_; }

 private:
  std::atomic<int> in_flight_{0};
  std::atomic<int> most_{0};
};

/// Goes with a line as long as any process has it, also if that process crashes.
class ticket {
 public:
  explicit ticket(std::shared_ptr<meter> counts) : counts_(std::move(counts)) { counts_->up(); }
  ~ticket() { counts_->down(); }
  ticket(const ticket&) = delete;
  ticket& operator=(const ticket&) = delete;

 private:
  std::shared_ptr<meter> counts_;
};

struct line {
  std::size_t number = 0;  // from 1
  std::string text;
  std::shared_ptr<const ticket> held;
};
struct entry {
  std::string host;
  std::string level;
  std::string text;
  std::shared_ptr<const ticket> held;
};

using level_counts = std::map<std::string, std::size_t>;
using host_counts = std::map<std::string, level_counts>;

// --- to the totals ---

struct count_lines {
  host_counts of;
};
struct count_read {
  std::size_t lines;
};
struct malformed_line {
  std::size_t number;
  std::string text;
};
struct finished {};  // of an aggregator: its parser has nothing more for it
struct sums {
  std::size_t read = 0;
  std::size_t counted = 0;
  std::size_t malformed = 0;
  std::size_t finished = 0;  // aggregators
  host_counts hosts = {};
  std::vector<malformed_line> shown = {};  // the first of the malformed ones
};
struct get_sums {
  using reply = sums;
};

/// Keeps what the others find out, so that a crash of theirs loses none of it.
class totals : public troupe::server {
 public:
  using handles = troupe::messages<count_lines, count_read, malformed_line, finished, get_sums>;
  static constexpr std::size_t max_shown = 20;
  void handle(count_lines more);
  void handle(count_read r) { sums_.read += r.lines; }
  void handle(malformed_line bad);
  void handle(finished) { ++sums_.finished; }
  sums handle(get_sums) { return sums_; }

 private:
  sums sums_;
};

/// Reads as many lines as are asked for, on the pool for calls that block. Ends with the input.
class reader : public troupe::producer<line> {
 public:
  struct read_on {};
  using handles = troupe::messages<read_on>;
  reader(std::istream& input, std::shared_ptr<meter> counts, troupe::ref<totals> to)
      : input_(input), meter_(std::move(counts)), totals_(to) {}
  void handle_demand(std::size_t wanted);
  troupe::task<> handle(read_on);

 private:
  // A line, and what is there without waiting; at most so many. Nothing at the end.
  std::vector<std::string> read_some(std::size_t most);

  std::istream& input_;
  std::shared_ptr<meter> meter_;
  troupe::ref<totals> totals_;
  std::size_t owed_ = 0;  // asked for and not read yet
  std::size_t last_ = 0;  // number of a line
};

struct pipeline_options {
  std::size_t aggregators = 4;
  std::size_t max_demand = 100;       // of each subscription
  std::size_t buffer_size = 1000;     // lines that wait for an aggregator
  std::chrono::milliseconds slow{0};  // that an aggregator takes for a batch
  std::string crash_on = {};          // an aggregator that meets this text crashes
  /// Lines that can be in flight at most: what is asked of the reader, what waits in the parser
  /// with the batch that it has just taken, and what each aggregator has asked for.
  [[nodiscard]] std::size_t limit() const { return buffer_size + (aggregators + 2) * max_demand; }
};

/// Cuts lines of the form `TIME HOST LEVEL TEXT`; all of one host go to the same aggregator.
class parser : public troupe::producer_consumer<line, entry> {
 public:
  parser(const pipeline_options& options, troupe::ref<totals> to);
  std::vector<entry> handle_events(std::vector<line> lines);

 private:
  troupe::ref<totals> totals_;
};

/// Counts the lines of its hosts.
class aggregator : public troupe::consumer<entry> {
 public:
  aggregator(std::size_t partition, const pipeline_options& options, troupe::ref<totals> to);
  troupe::task<> handle_events(std::vector<entry> entries);
  void handle_cancel(troupe::subscription which, const troupe::exit_reason& why) override;

 private:
  pipeline_options options_;
  troupe::ref<totals> totals_;
};

}  // namespace logs
