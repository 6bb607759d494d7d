#include "platform/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "net/peer_program.hpp"
#include "platform/peer_environment.hpp"
#include "support/catch.hpp"

using troupe::net::child_end;
using troupe::net::child_process;
using troupe::net::command;
using troupe::net::descriptor;

namespace {

constexpr int limit_ms = 30'000;

void wait_for(const descriptor& file) {
  pollfd wait{file.get(), POLLIN, 0};
  REQUIRE(::poll(&wait, 1, limit_ms) == 1);
}

child_end end_of(child_process& child) {
  wait_for(child.end());
  const auto end = child.try_reap();
  REQUIRE(end.has_value());
  return *end;
}

command shell(std::string script) { return {"sh", {"-c", std::move(script)}, {}}; }

bool exists(pid_t process) { return ::kill(process, 0) == 0 || errno != ESRCH; }

// All that the child writes to its control socket until it ends.
std::string text_from(child_process& child) {
  std::string text;
  const descriptor control = child.control();
  for (;;) {
    wait_for(control);
    char part[1024];
    const ssize_t got = ::read(control.get(), part, sizeof part);
    if (got <= 0) return text;
    text.append(part, static_cast<std::size_t>(got));
  }
}

// A line of /proc/PID/status.
unsigned long long mask(const std::string& status, const std::string& name) {
  const auto at = status.find(name);
  REQUIRE(at != std::string::npos);
  return std::stoull(status.substr(at + name.size()), nullptr, 16);
}

std::string error_of(const command& what) {
  try {
    child_process child(what);
  } catch (const std::system_error& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a child that ends tells its status, and then is reaped") {
  child_process child(shell("exit 3"));
  const child_end end = end_of(child);
  CHECK(end.signal == 0);
  CHECK(end.status == 3);
  CHECK(to_string(end) == "ended with status 3");
  CHECK_FALSE(exists(child.id()));
  CHECK(child.try_reap()->status == 3);
}

TEST_CASE("a child that runs is not reaped, and a signal that ends it is told") {
  child_process child(shell("exec sleep 1000"));
  CHECK_FALSE(child.try_reap().has_value());
  child.send_signal(SIGKILL);
  const child_end end = end_of(child);
  CHECK(end.signal == SIGKILL);
  CHECK(to_string(end) == "was ended by signal 9 (Killed)");
}

TEST_CASE("a program that cannot be run is an error that names it and the reason") {
  CHECK_THAT(error_of({"/no/such/program", {}, {}}),
             matchers::ContainsSubstring("/no/such/program") &&
                 matchers::ContainsSubstring("No such file"));
  CHECK_THAT(error_of({"/etc/passwd", {}, {}}),
             matchers::ContainsSubstring("/etc/passwd") &&
                 matchers::ContainsSubstring("Permission denied"));
}

TEST_CASE("the end of the object that stands for a child leaves no process and no zombie") {
  pid_t id = 0;
  {
    child_process child(shell("trap '' TERM; exec sleep 1000"));
    id = child.id();
    CHECK(exists(id));
  }
  CHECK_FALSE(exists(id));
}

TEST_CASE("a child has its arguments, its environment, and no input") {
  child_process child({"sh",
                       {"-c", "echo \"$1 $TROUPE_TEST $HOME\" >&3; cat >&3", "sh", "a b"},
                       {{"TROUPE_TEST", "x=y"}, {"HOME", "/elsewhere"}}});
  CHECK(text_from(child) == "a b x=y /elsewhere\n");
}

TEST_CASE("a child has no open file but the first three and its control socket") {
  const descriptor leak(::open("/dev/null", O_RDONLY));  // would be inherited
  REQUIRE(leak);
  child_process child({{}, {"open files"}, {}});
  CHECK(text_from(child) == "0 1 2 3\n");
}

TEST_CASE("a child starts with no signal blocked or ignored, and in a process group of its own") {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto handler = std::signal(SIGUSR2, SIG_IGN);
  child_process child(shell("grep -E 'SigBlk|SigIgn' /proc/self/status >&3; exec sleep 1000"));
  std::signal(SIGUSR2, handler);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);

  CHECK(::getpgid(child.id()) == child.id());
  std::string text;
  const descriptor control = child.control();
  while (std::count(text.begin(), text.end(), '\n') < 2) {
    wait_for(control);
    char part[256];
    const ssize_t got = ::read(control.get(), part, sizeof part);
    REQUIRE(got > 0);
    text.append(part, static_cast<std::size_t>(got));
  }
  CHECK(mask(text, "SigBlk:") == 0);
  // 32 and 33 belong to the C library: glibc hands them on ignored, and no program can set them.
  CHECK((mask(text, "SigIgn:") & ~0x180000000u) == 0);
}

TEST_CASE("only a program that has the control socket itself takes itself for a peer") {
  child_process child({{}, {"am I a peer"}, {}});
  CHECK(text_from(child) == "yes\n");
  // A program that a peer starts has the variable, but not the socket.
  child_process grandchild(shell("exec 4>&3 3</dev/null; /proc/" + std::to_string(::getpid()) +
                                 "/exe 'am I a peer' >&4"));
  CHECK(text_from(grandchild) == "no\n");
}

TEST_CASE("what a peer says about its node is read back, and other lines are refused") {
  using troupe::net::read_announcement;
  const auto node = read_announcement("node b@127.0.0.1:7400 18446744073709551615");
  REQUIRE(node.has_value());
  CHECK(node->node == "b@127.0.0.1:7400");
  CHECK(node->incarnation == 18446744073709551615u);
  const auto error = read_announcement("error cannot listen: in use");
  REQUIRE(error.has_value());
  CHECK(error->node.empty());
  CHECK(error->failure == "cannot listen: in use");
  for (const char* line : {"", "node", "node ", "node b@127.0.0.1:7400", "node b 12x", "node  1",
                           "hello", "node b 18446744073709551616"})
    CHECK_FALSE(read_announcement(line).has_value());
}
