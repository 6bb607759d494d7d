#pragma once

#include <troupe/distribution.hpp>
#include <troupe/system.hpp>

#include "runtime/name_table.hpp"
#include "runtime/observer.hpp"
#include "runtime/process_table.hpp"
#include "runtime/running.hpp"
#include "runtime/timer_wheel.hpp"

#include <fmt/format.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace troupe::internal {

// Who decides which process runs when: worker threads, or a simulation. The engine asks it for what
// cannot be done on the spot.
class scheduler {
 public:
  virtual ~scheduler() = default;
  // From a thread that is not one of its workers: a process can run.
  virtual void submit(process_slot& slot) = 0;
  // Takes the timer, with the wheel's hold on it: on a worker that is not the one that asks, if
  // there are several.
  virtual void arm(timer& t) = 0;
  // Once at most: what idle workers wait in from now on.
  virtual void attach(poller& what) = 0;
  // From outside: until the word is set, by a release. By that process, if one is given.
  virtual void wait(std::uint32_t& word, pid process) = 0;
  // Has the job run where it may block.
  virtual void call(blocking_job& job) = 0;
  // Stops running processes. All of them have ended.
  virtual void stop() = 0;
  [[nodiscard]] virtual std::size_t workers() const noexcept = 0;
  virtual void each_tally(const std::function<void(const tally&)>& visit) const = 0;
};

// What is no signal and no reply.
[[nodiscard]] inline bool is_mail(const message_node& node) noexcept {
  return node.type->kind <= message_kind::request;
}

class blocking_job;
class group_scope;

// What the parts of one system share. Reached by any thread; its members look after themselves.
class engine {
 public:
  engine(troupe::system& outer, system_options options);
  ~engine();
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  // The way of a message: to the slot of the pid, into its mailbox, and, if the process was idle,
  // to a run queue. Takes the node over in any case.
  void deliver(pid to, message_node* node) noexcept;
  void deliver(const destination& to, message_node* node) noexcept;
  // The same for what a program sends, which a full mailbox may refuse: false then.
  bool send(pid to, message_node* node) noexcept {
    if ((to.bounded() || !to.local()) && is_mail(*node)) [[unlikely]]
      return to.local() ? send_bounded(to, node) : send_away(destination(to), node);
    deliver(to, node);
    return true;
  }
  bool send(const destination& to, message_node* node) noexcept;
  // In one step for all, but for what has bounds; linked from the newest to the oldest.
  void send_several(pid to, message_node* newest, message_node* oldest,
                    std::size_t count_of_them) noexcept;
  // The same for mail of another node. True: taken beyond the bound, its senders there must wait.
  bool send_or_hold(pid to, message_node* node) noexcept;
  // The process that runs on this thread, if it is one of this system.
  [[nodiscard]] pid running_process() const noexcept;
  // That process waits at its next co_await, for a room_sent. False if it does already.
  bool hold_sender() noexcept;
  // The process can run: on this worker next, or wherever there is one.
  void schedule(process_slot& slot) noexcept;

  template <class... Args>
  void log(log_level level, fmt::format_string<Args...> format, Args&&... args) const noexcept {
    try {
      options.log->write(level, fmt::format(format, std::forward<Args>(args)...));
    } catch (...) {  // no memory for the text: the report is lost, its cause is not
      options.log->write(level, "troupe: a report could not be written");
    }
  }

  // What is worth more than a line: `what` with the text in place.
  template <class... Args>
  void log(report what, fmt::format_string<Args...> format, Args&&... args) const noexcept {
    try {
      const std::string text = fmt::format(format, std::forward<Args>(args)...);
      what.text = text;
      options.log->write_report(what);
    } catch (...) {
      options.log->write(what.level, "troupe: a report could not be written");
    }
  }

  troupe::system& outer;
  system_options options;
  observer* watch = nullptr;  // for the engine's life
  process_table table;
  mailbox_budget budget;
  name_table names;
  std::shared_ptr<poller> waits_in;  // before `turns`: its workers have stopped before it goes
  std::unique_ptr<scheduler> turns;
  std::atomic<distribution*> remote{nullptr};
  tally outside;  // of threads that are not workers: reached by read-modify-write
  std::atomic<bool> closing{false};
  platform::mutex mutex;   // of `waits_in` and those below
  std::vector<pid> trees;  // supervision trees in the order of their start
  std::vector<std::shared_ptr<distribution>> carriers;  // all that `remote` ever was
  std::map<std::string, std::shared_ptr<group_scope>, std::less<>> scopes;  // of process groups

 private:
  bool send_bounded(pid to, message_node* node) noexcept;
  bool send_away(const destination& to, message_node* node) noexcept;
  void deliver_uncommonly(pid to, message_node* node) noexcept;
  void push(pid to, process_slot* slot, message_node* node, mailbox_bound::load counted) noexcept;
  void refuse(pid to, mailbox_bound& full, message_node* node) noexcept;
  void undelivered(pid to, message_node* node) noexcept;
};

[[nodiscard]] exit_reason mailbox_full();

// The counters of this thread and how to add to them.
void count(std::atomic<std::int64_t> tally::* which, std::int64_t n) noexcept;
void count(engine& home, std::atomic<std::int64_t> tally::* which, std::int64_t n) noexcept;

}  // namespace troupe::internal
