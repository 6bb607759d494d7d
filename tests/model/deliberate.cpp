#include "model/deliberate.hpp"

#include <array>

namespace troupe::model {
namespace {

struct entry {
  std::string_view file;  // a part of its name
  std::string_view code;  // how the line begins
  change what;
  const char* reason;
};

// The words for what the model cannot show, and for what costs time and nothing else.
constexpr const char* newest =
    "C++ wants it, because the other side's load is paired with it; the model, in which a "
    "read-modify-write always takes the newest value, cannot show it";
constexpr const char* load_buffering =
    "keeps a cell from being written again before it was read; the model has no load that sees a "
    "later store";
constexpr const char* sooner = "without it the queue grows sooner than it must, and is right";

constexpr std::array entries{
    entry{"parking.hpp", "if (!searching_.compare_exchange_strong", change::weaker,
          "the failure needs it, and GCC refuses a failure that is stronger than the success"},
    entry{"parking.hpp", "if (!searching_.compare_exchange_strong", change::torn,
          "two workers would be woken for one piece of work"},
    entry{"parking.hpp", "if (watched_.load", change::blind,
          "saves the exchange that follows, which tells the same"},
    entry{"parking.hpp", "if (p == nullptr || poller_taken_.exchange", change::weaker, newest},
    entry{"parking.hpp", "mine.in_poller.store(false", change::dropped,
          "the poller would be interrupted in vain"},
    entry{"parking.hpp", "if (idle_.compare_exchange_weak", change::weaker,
          "keeps what the woken worker does with searching_ behind what was done before; the model "
          "keeps every order of modification in the order of execution"},
    entry{"parking.hpp", "mine.watching = !watcher_.exchange", change::weaker, newest},
    entry{"parking.hpp", "watcher_.store(false", change::weaker, newest},
    entry{"parking.hpp", "if (mine.watching) watched_.store(true", change::dropped,
          "another worker would be woken in vain to watch"},
    entry{"parking.hpp", "!poller_taken_.load", change::blind,
          "a worker would be woken in vain to go into the poller"},
    entry{"connection_end.hpp", "void come()", change::weaker, newest},
    entry{"connection_end.hpp", "void come()", change::torn, newest},
    entry{"connection_end.hpp", "return over_.fetch_or", change::weaker, newest},
    entry{"push_list.hpp", "T* seen = newest_.load", change::blind,
          "the exchange that follows tells the newest"},
    entry{"run_queue.hpp", "if (tail - head_.load", change::weaker, load_buffering},
    entry{"run_queue.hpp", "if (head_.compare_exchange_weak", change::weaker, load_buffering},
    entry{"run_queue.hpp", "if (tail - head_.load", change::blind, sooner},
    entry{"run_queue.hpp", "for (std::uint64_t i = head_.load", change::blind,
          "more would be copied than is there, and then written over"},
    entry{"run_queue.hpp", "std::uint64_t head = head_.load", change::blind,
          "the exchange that follows tells the newest"},
};

}  // namespace

const char* reason_for(std::string_view file, std::string_view code, change what) {
  for (const entry& e : entries)
    if (file.find(e.file) != file.npos && code.starts_with(e.code) && e.what == what)
      return e.reason;
  return nullptr;
}

}  // namespace troupe::model
