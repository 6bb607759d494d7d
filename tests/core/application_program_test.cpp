// Whole programs of applications: this test program, run once more as a process of its own.
#include <troupe/application.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "core/support.hpp"

using namespace troupe_test;
using troupe::application;
using troupe::child;
using troupe::exit_reason;

namespace {

void say(const std::string& line) {
  (void)!::write(STDERR_FILENO, (line + '\n').c_str(), line.size() + 1);
}

struct go {};
struct options {
  int value = 1;
};

class part : public troupe::server {
 public:
  using handles = troupe::messages<go>;
  part(std::string name, std::string mode) : name_(std::move(name)), mode_(std::move(mode)) {
    say("+" + name_);
    self.send(self, go{});
  }
  ~part() override { say("-" + name_); }
  troupe::task<> handle(go) {
    if (mode_ == "crash at once") throw std::runtime_error("out of luck");
    if (mode_ == "crash" || mode_ == "done") {
      char byte = 0;  // until the test says so
      co_await self.blocking([&] { (void)!::read(STDIN_FILENO, &byte, 1); });
      if (mode_ == "crash") throw std::runtime_error("out of luck");
      self.exit(exit_reason::normal);
    }
    if (mode_ == "stubborn")
      co_await self.blocking([] {
        say("held");
        std::this_thread::sleep_for(60s);
      });
    say("ready");
  }

 private:
  std::string name_;
  std::string mode_;
};

// A run of the program below, and what it has written.
class program {
 public:
  explicit program(const std::string& mode, const std::string& config = "",
                   const std::string& variable = "TROUPE_TEST_UNUSED=1") {
    int ends[2];
    int orders[2];
    if (::pipe2(ends, O_CLOEXEC) != 0 || ::pipe2(orders, O_CLOEXEC) != 0)
      throw std::runtime_error("no pipe");
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(ends[1], STDERR_FILENO);
      ::dup2(orders[0], STDIN_FILENO);
      ::setenv("APPLICATION_TEST_MODE", mode.c_str(), 1);
      ::setenv("APPLICATION_TEST_CONFIG", config.c_str(), 1);
      const auto cut = variable.find('=');
      ::setenv(variable.substr(0, cut).c_str(), variable.substr(cut + 1).c_str(), 1);
      ::execl("/proc/self/exe", "core_tests", "a program of applications", nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    ::close(orders[0]);
    from_ = ends[0];
    to_ = orders[1];
  }
  ~program() {
    ::kill(child_, SIGKILL);
    if (!ended_) ::waitpid(child_, nullptr, 0);
    ::close(from_);
    ::close(to_);
  }
  program(const program&) = delete;
  program& operator=(const program&) = delete;

  void signal(int number) const { ::kill(child_, number); }
  // Its upper part does what its mode says.
  void begin() const { (void)!::write(to_, "!", 1); }
  // Reads on until that has been written.
  [[nodiscard]] bool says(const std::string& text) {
    while (written_.find(text) == std::string::npos)
      if (!read_more()) return false;
    return true;
  }
  // Its exit code, or less than 0 for the signal that ended it.
  [[nodiscard]] int end() {
    while (read_more()) {
    }
    int status = 0;
    ::waitpid(child_, &status, 0);
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  [[nodiscard]] const std::string& written() const { return written_; }

 private:
  bool read_more() {
    char some[512];
    const auto n = ::read(from_, some, sizeof some);
    if (n > 0) written_.append(some, static_cast<std::size_t>(n));
    return n > 0;
  }
  pid_t child_ = 0;
  int from_ = -1;
  int to_ = -1;
  bool ended_ = false;
  std::string written_;
};

}  // namespace

TEST_CASE("a program of applications", "[.program]") {
  const char* const mode = std::getenv("APPLICATION_TEST_MODE");
  const char* const config = std::getenv("APPLICATION_TEST_CONFIG");
  if (mode == nullptr || config == nullptr) return;  // it is no test by itself
  const application below("below", {}, [](const options& o) {
    say("value " + std::to_string(o.value));
    return child<part>("below", "below", "quiet");
  });
  const application above("above", {.needs = {"below"}}, [how = std::string(mode)] {
    return child<part>("above", "above", how).shutdown(troupe::infinity);
  });
  std::_Exit(
      troupe::run_applications({above, below}, {.config_file = config, .stop_within = 200ms}));
}

TEST_CASE("SIGTERM and SIGINT stop a program in reverse order and it ends with 0", "[threads]") {
  for (const int number : {SIGTERM, SIGINT}) {
    program p("wait");
    REQUIRE(p.says("ready\n"));
    REQUIRE(p.says("+above\n"));
    p.signal(number);
    const int code = p.end();
    const std::string& all = p.written();
    INFO(all);
    CHECK(code == 0);
    CHECK(all.find("+below") < all.find("+above"));
    CHECK(all.find("+above") < all.find("-above"));
    CHECK(all.find("-above") < all.find("-below"));
    CHECK_THAT(all, matchers::ContainsSubstring("stopping by signal " + std::to_string(number)));
  }
}

TEST_CASE("a permanent application that crashes ends the program with 1 and is named",
          "[threads]") {
  program at_once("crash at once");
  CHECK(at_once.end() == 1);
  CHECK_THAT(at_once.written(), matchers::ContainsSubstring("out of luck"));
  program p("crash");
  REQUIRE(p.says("started: below, above\n"));
  p.begin();
  CHECK(p.end() == 1);
  CHECK_THAT(p.written(), matchers::ContainsSubstring("the application above ended with"));
  CHECK_THAT(p.written(),
             matchers::ContainsSubstring("-below") && matchers::ContainsSubstring("out of luck"));
}

TEST_CASE("a permanent application that ends as it should ends the program with 0", "[threads]") {
  program p("done");
  REQUIRE(p.says("started: below, above\n"));
  p.begin();
  CHECK(p.end() == 0);
  CHECK_THAT(p.written(),
             matchers::ContainsSubstring("-above\n") && matchers::ContainsSubstring("-below\n"));
}

TEST_CASE("a configuration that is wrong ends the program with 2 before anything starts",
          "[threads]") {
  program p("wait", "/no/such.toml");
  CHECK(p.end() == 2);
  CHECK_THAT(p.written(), matchers::ContainsSubstring("/no/such.toml") &&
                              !matchers::ContainsSubstring("+below"));
  program q("wait", "", "TROUPE_BELOW__VALUES=3");
  CHECK(q.end() == 2);
  CHECK_THAT(q.written(), matchers::ContainsSubstring("did you mean value?"));
}

TEST_CASE("the environment of a program reaches its applications", "[threads]") {
  program p("wait", "", "TROUPE_BELOW__VALUE=3");
  REQUIRE(p.says("+above\n"));
  p.signal(SIGTERM);
  CHECK(p.end() == 0);
  CHECK_THAT(p.written(), matchers::ContainsSubstring("value 3\n"));
}

TEST_CASE("applications that do not stop in time end the program with 3 and are shown",
          "[threads]") {
  program p("stubborn");
  REQUIRE(p.says("held\n"));
  p.signal(SIGTERM);
  CHECK(p.end() == 3);
  CHECK_THAT(p.written(), matchers::ContainsSubstring("did not stop in time") &&
                              matchers::ContainsSubstring("above"));
}

TEST_CASE("a second signal ends a program at once", "[threads]") {
  program p("stubborn");
  REQUIRE(p.says("held\n"));
  p.signal(SIGTERM);
  REQUIRE(p.says("stopping by signal"));
  p.signal(SIGINT);
  CHECK(p.end() == -SIGINT);
}
