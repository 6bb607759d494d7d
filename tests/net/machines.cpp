#include "net/machines.hpp"

#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace troupe_test {

bool can_make_machines() {
  // Tried in a child, because a thread cannot go back.
  // NOLINTNEXTLINE(cert-env33-c): a fixed text
  static const bool can = std::system("unshare -nm sh -c 'ip link set lo up' >/dev/null 2>&1") == 0;
  if (!can)
    std::fputs("skipped: needs root, `ip` and `unshare` to make network namespaces\n", stderr);
  return can;
}

machine::machine() {
  std::promise<int> started;
  thread_ = std::thread([this, &started] {
    const bool apart = ::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0;
    started.set_value(apart ? ::gettid() : 0);
    if (apart) serve();
  });
  thread_id_ = started.get_future().get();
  if (thread_id_ == 0) {
    thread_.join();
    throw std::runtime_error("cannot make a network namespace");
  }
  shell("mount --make-rprivate / && ip link set lo up");
}

machine::~machine() {
  next_.set_value({});  // none: the end
  thread_.join();
}

void machine::serve() {
  for (;;) {
    auto work = coming_.get();
    if (!work.valid()) return;
    next_ = {};
    coming_ = next_.get_future();
    work();
  }
}

void machine::run(const std::function<void()>& work) {
  std::packaged_task<void()> task(work);
  auto done = task.get_future();
  next_.set_value(std::move(task));
  done.get();
}

void machine::shell(const std::string& commands) {
  run([&] {
    // NOLINTNEXTLINE(cert-env33-c): of the tests themselves
    if (std::system(commands.c_str()) != 0) throw std::runtime_error("failed: " + commands);
  });
}

void join_by_cable(machine& a, const std::string& address_a, machine& b,
                   const std::string& address_b) {
  a.shell("ip link add cable type veth peer name cable netns " + std::to_string(b.thread_id()));
  const auto up = [](const std::string& address) {
    const bool six = address.find(':') != std::string::npos;
    return "ip address add " + address + " dev cable" + (six ? " nodad" : "") +
           " && ip link set cable up";
  };
  a.shell(up(address_a));
  b.shell(up(address_b));
}

}  // namespace troupe_test
