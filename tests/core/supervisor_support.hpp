#pragma once
// What the tests of supervisors share: children that write down what happens to them, and a system
// on one worker with a clock of its own.

#include "core/manual_clock.hpp"
#include "core/support.hpp"

#include <functional>

namespace troupe_test {

using troupe::child;
using troupe::context;
using troupe::exit_reason;
using troupe::pid;
using troupe::task;

// What the children of a test have done, in order: "+a" is a start, "-a" an end.
class diary {
 public:
  void add(std::string entry) {
    const std::lock_guard lock(mutex_);
    text_ += text_.empty() ? entry : ' ' + entry;
  }
  [[nodiscard]] std::string take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(text_, {});
  }

 private:
  std::mutex mutex_;
  std::string text_;
};
// What is sendable is what is shared and constant: children reach the diary through a function.
using write_to = std::function<void(std::string)>;

struct crash {
  std::string text;
};
struct end_with {
  exit_reason reason;
};
struct return_now {};

// A child that writes down its start and its end, and ends as it is told.
class worker : public troupe::server {
 public:
  using handles = troupe::messages<crash, end_with, are_you_there>;
  worker(std::string id, write_to write) : id_(std::move(id)), write_(std::move(write)) {
    write_('+' + id_);
  }
  ~worker() override { write_('-' + id_); }
  void handle(crash c) { throw std::runtime_error(c.text); }
  void handle(end_with e) { self.exit(e.reason); }
  void handle(are_you_there) {}

 private:
  std::string id_;
  write_to write_;
};

// A child whose start can be made to fail.
class picky : public worker {
 public:
  picky(std::string id, write_to write, std::function<bool()> fails)
      : worker(std::move(id), std::move(write)) {
    if (fails()) throw std::runtime_error("no database");
  }
};

// A system on one worker with a clock of its own, and the diary of its children.
struct fixture {
  fixture() : sys({.workers = 1, .time = clock}) {}
  write_to writer() {
    return [this](std::string entry) { book.add(std::move(entry)); };
  }
  // The children are named by their ids, so that tests find those that came later.
  troupe::child_spec make(const std::string& id) {
    return child<worker>(id, id, writer()).registered();
  }
  // Runs until nothing more happens, and gives what was written meanwhile.
  std::string happened() {
    sys->run([](context self) -> task<> { co_await settle(self); });
    return book.take();
  }
  void crash_child(const std::string& id) { sys->send(id, crash{"of " + id}); }

  std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
  diary book;
  checked_system sys;
};

// Asks from a process, as code in a tree does, and gives why it was refused.
template <class Ref, class T>
troupe::child_refused refused(fixture& f, Ref tree, T what) {
  return f.sys->run([&](context self) -> task<troupe::child_refused> {
    auto answer = co_await self.try_call(tree, std::move(what));
    const troupe::child_refused* const no =
        answer ? nullptr : answer.reason().template get_if<troupe::child_refused>();
    REQUIRE(no != nullptr);
    co_return *no;
  });
}

inline troupe::child_state state_of(fixture& f, troupe::supervisor_ref tree, std::size_t index) {
  return f.sys->call(tree, troupe::which_children{})[index].state;
}

}  // namespace troupe_test
