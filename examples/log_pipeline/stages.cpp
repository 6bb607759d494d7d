#include "stages.hpp"

#include <functional>
#include <istream>
#include <optional>
#include <sstream>
#include <stdexcept>

namespace logs {

void totals::handle(count_lines more) {
  for (const auto& [host, levels] : more.of)
    for (const auto& [level, n] : levels) {
      sums_.hosts[host][level] += n;
      sums_.counted += n;
    }
}

void totals::handle(malformed_line bad) {
  ++sums_.malformed;
  if (sums_.shown.size() < max_shown) sums_.shown.push_back(std::move(bad));
}

void reader::handle_demand(std::size_t wanted) {
  if (owed_ == 0) self.send(self, read_on{});
  owed_ += wanted;
}

troupe::task<> reader::handle(read_on) {
  const std::vector<std::string> texts =
      co_await self.blocking([this, most = owed_] { return read_some(most); });
  if (texts.empty()) {
    finish();
    co_return;
  }
  std::vector<line> lines;
  lines.reserve(texts.size());
  for (const std::string& text : texts)
    lines.push_back({++last_, text, std::make_shared<const ticket>(meter_)});
  owed_ -= lines.size();
  self.send(totals_, count_read{lines.size()});
  emit(std::move(lines));
  if (owed_ > 0) self.send(self, read_on{});
}

std::vector<std::string> reader::read_some(std::size_t most) {
  std::vector<std::string> texts;
  std::string text;
  while (texts.size() < most && (texts.empty() || input_.rdbuf()->in_avail() > 0) &&
         std::getline(input_, text))
    texts.push_back(text);
  return texts;
}

namespace {

std::optional<entry> parse(const line& from) {
  std::istringstream words(from.text);
  std::string time;
  entry e;
  if (!(words >> time >> e.host >> e.level >> std::ws)) return {};
  if (e.level != "DEBUG" && e.level != "INFO" && e.level != "WARN" && e.level != "ERROR") return {};
  std::getline(words, e.text);
  e.held = from.held;
  return e;
}

}  // namespace

parser::parser(const pipeline_options& options, troupe::ref<totals> to)
    : producer_consumer(
          dispatch::partition(options.aggregators,
                              [](const entry& e) { return std::hash<std::string>()(e.host); }),
          {.buffer_size = options.buffer_size}),
      totals_(to) {
  subscribe_to("reader", {.max_demand = options.max_demand});
}

std::vector<entry> parser::handle_events(std::vector<line> lines) {
  std::vector<entry> entries;
  for (line& l : lines) {
    if (auto e = parse(l))
      entries.push_back(std::move(*e));
    else
      self.send(totals_, malformed_line{l.number, std::move(l.text)});
  }
  return entries;
}

aggregator::aggregator(std::size_t partition, const pipeline_options& options,
                       troupe::ref<totals> to)
    : options_(options), totals_(to) {
  subscribe_to("parser", {.max_demand = options.max_demand,
                          .cancel = troupe::cancel_mode::temporary,
                          .to = partition});
}

troupe::task<> aggregator::handle_events(std::vector<entry> entries) {
  if (options_.slow > options_.slow.zero()) co_await self.sleep(options_.slow);
  count_lines counts;
  for (const entry& e : entries) {
    if (!options_.crash_on.empty() && e.text.find(options_.crash_on) != std::string::npos)
      throw std::runtime_error("an aggregator met the text that it crashes on");
    ++counts.of[e.host][e.level];
  }
  self.send(totals_, std::move(counts));
}

// The parser ends when the input does, or has ended while this aggregator was restarted. If it has
// crashed, the supervisor restarts both.
void aggregator::handle_cancel(troupe::subscription, const troupe::exit_reason& why) {
  if (why != troupe::exit_reason::normal && why != troupe::exit_reason::noproc) self.exit(why);
  self.send(totals_, finished{});
  self.exit(troupe::exit_reason::normal);
}

}  // namespace logs
