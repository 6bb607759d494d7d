#include "counter.hpp"

#include "tokenizer.hpp"

#include <troupe/net/port.hpp>

#include <istream>
#include <optional>
#include <ostream>

namespace words {
namespace {

using namespace std::chrono_literals;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::request;
using troupe::task;
using troupe::net::port_close_input;
using troupe::net::port_data;
using troupe::net::port_write;

constexpr auto pause_between_looks = 5ms;
constexpr auto time_for_a_line = 10s;

// sort | uniq -c | sort -k1,1nr -k2
troupe::net::port_options counting() {
  const std::map<std::string, std::string> plain = {{"LC_ALL", "C"}};
  return {.commands = {{.program = "sort", .environment = plain},
                       {.program = "uniq", .arguments = {"-c"}},
                       {.program = "sort", .arguments = {"-k1,1nr", "-k2"}, .environment = plain}}};
}

task<pid> running_tokenizer(context self) {
  for (;;) {
    if (const pid found = self.whereis("tokenizer")) co_return found;
    co_await self.sleep(pause_between_looks);  // it is being started again
  }
}

// None: the line was the end of the tokenizer.
task<std::optional<std::string>> words_in(context self, const std::string& line) {
  const pid tokenizer = co_await running_tokenizer(self);
  const auto ref = self.monitor(tokenizer);
  auto answer = co_await self.try_call(tokenizer, words_of{line}, time_for_a_line);
  if (!answer) {
    if (answer.reason().type() == "troupe::timeout") self.exit(tokenizer, exit_reason::kill);
    const auto ended =
        co_await self.receive<troupe::down>([ref](const auto& d) { return d.ref == ref; });
    self.system().log(troupe::log_level::warning,
                      "lost the line `" + line + "`: " + to_string(ended.reason));
    co_return std::nullopt;
  }
  self.demonitor(ref);
  std::string lines;
  for (const std::string& word : *answer) lines += word + '\n';
  co_return lines;
}

}  // namespace

task<int> count(context self, std::istream& in, std::ostream& out) {
  const pid counter = co_await troupe::net::start_port(self, counting());
  int lost = 0;
  for (std::string line;
       co_await self.blocking([&] { return static_cast<bool>(std::getline(in, line)); });) {
    const auto lines = co_await words_in(self, line);
    if (lines)
      co_await self.call(counter, port_write{*lines});
    else
      ++lost;
  }
  const auto ref = self.monitor(counter);
  co_await self.call(counter, port_close_input{});
  for (bool counted = false; !counted;)
    co_await self.receive([&](request<port_data> counts) { out << counts->bytes << '\n'; },
                          [&](troupe::down d) {
                            counted = d.ref == ref;
                            if (counted && d.reason != exit_reason::normal)
                              throw std::runtime_error("cannot count: " + to_string(d.reason));
                          });
  co_return lost;
}

}  // namespace words
