#include "port/output.hpp"

#include <deque>

#include "port/splitter.hpp"
#include "wire/printable.hpp"

namespace troupe::net {
namespace {

constexpr std::size_t max_logged_line = 1024;

/// The owner, and what it has been sent and not handled.
class window_to {
 public:
  window_to(context self, destination owner, std::size_t room)
      : self_(self), owner_(std::move(owner)), room_(room) {}

  task<> send(output_splitter::piece what) {
    while (under_way_.size() >= room_) co_await one_handled();
    under_way_.emplace_back(owner_, port_data{self_.parent(), std::move(what.bytes), what.whole},
                            infinity);
  }
  task<> all_handled() {
    while (!under_way_.empty()) co_await one_handled();
  }

 private:
  // A request that is destroyed unanswered is handled, too. Of the owner's end the port is told.
  task<> one_handled() {
    const auto answer = co_await under_way_.front();
    under_way_.pop_front();
    if (!answer && answer.reason().type() == "troupe::mailbox_full")
      throw port_error(
          "its owner's mailbox refused output: give it room for port_options::window messages");
  }

  context self_;
  destination owner_;
  std::size_t room_;
  std::deque<pending_reply<port_data>> under_way_;
};

}  // namespace

process read_output(context self, descriptor from, destination owner, port_framing how,
                    std::size_t max_bytes, std::size_t window) {
  pipe_source source(self, std::move(from));
  output_splitter splitter(how, max_bytes);
  window_to out(self, std::move(owner), window);
  while (co_await source.more()) {
    splitter.feed(source.bytes());
    while (auto piece = splitter.next()) co_await out.send(std::move(*piece));
  }
  if (auto piece = splitter.rest()) co_await out.send(std::move(*piece));
  co_await out.all_handled();
  self.send(self.parent(), output_over{});
}

process log_output(context self, descriptor from, std::string name) {
  pipe_source source(self, std::move(from));
  output_splitter splitter(port_framing::lines, max_logged_line);
  const auto log = [&](const output_splitter::piece& line) {
    self.system().log(log_level::info, name + ": " + printable(line.bytes, 4 * max_logged_line));
  };
  while (co_await source.more()) {
    splitter.feed(source.bytes());
    while (const auto line = splitter.next()) log(*line);
  }
  if (const auto line = splitter.rest()) log(*line);
  self.send(self.parent(), output_over{});
}

}  // namespace troupe::net
