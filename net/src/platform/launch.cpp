// Between its birth and its program a child does what posix_spawn cannot do: it takes limits, a
// directory and a parent-death signal. It shares the memory of this process until then (vfork: the
// pages of a large process are not copied), so it calls nothing but what the kernel does for it,
// and all that it needs is made before.
#include "platform/launch.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <utility>

#include "platform/peer_environment.hpp"
#include "platform/pipe.hpp"

namespace troupe::net {
namespace {

// Above all numbers that programs are given, so that none is overwritten before it is in its place.
constexpr int first_number_of_ours = 16;
constexpr int status_of_unborn = 127;  // as of a shell that finds no program

enum class step { group, limits, directory, files, run };
struct complaint {
  step what;
  int error;
};

struct limit {
  decltype(RLIMIT_AS) which;
  std::uint64_t most;
};

struct birth {
  std::vector<const char*> places;  // where the program may be
  std::vector<char*> arguments;
  std::vector<char*> environment;
  const char* directory;  // null: as it is
  std::vector<limit> limits;
  std::vector<given_file> files;
  pid_t group;
  bool dies_with_parent;
  pid_t parent;
  int complaints;  // a pipe that closes when the program runs
};

// --- in the child --------------------------------------------------------------------------------

[[noreturn]] void complain(const birth& from, step what) noexcept {
  const complaint about{what, errno};
  (void)!::write(from.complaints, &about, sizeof about);
  ::_exit(status_of_unborn);
}

void take_files(birth& self) noexcept {
  int next = STDERR_FILENO + 1;
  for (const given_file& file : self.files) {
    if (::dup2(file.ours, file.number) < 0) complain(self, step::files);
    next = std::max(next, file.number + 1);
  }
  if (::dup3(self.complaints, next, O_CLOEXEC) < 0) complain(self, step::files);
  self.complaints = next;
  ::closefrom(next + 1);
}

// In this order: handlers that are those of this process must not run in the child.
void take_no_signals_from_parent() noexcept {
  struct sigaction usual{};
  usual.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &usual, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void run(const birth& self) noexcept {
  bool denied = false;
  for (const char* place : self.places) {
    ::execve(place, self.arguments.data(), self.environment.data());
    if (errno == EACCES)
      denied = true;  // there may be another one further on
    else if (errno != ENOENT && errno != ENOTDIR)
      complain(self, step::run);
  }
  errno = denied ? EACCES : ENOENT;
  complain(self, step::run);
}

[[noreturn]] __attribute__((noinline)) void grow_up(birth& self) noexcept {
  if (::setpgid(0, self.group) != 0) complain(self, step::group);
  if (self.dies_with_parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != self.parent) ::_exit(status_of_unborn);
  }
  for (const limit& one : self.limits) {
    const rlimit value{one.most, one.most};
    if (::setrlimit(one.which, &value) != 0) complain(self, step::limits);
  }
  if (self.directory != nullptr && ::chdir(self.directory) != 0) complain(self, step::directory);
  take_files(self);
  take_no_signals_from_parent();
  run(self);
}

// --- in the parent -------------------------------------------------------------------------------

pid_t give_birth(birth& child) noexcept {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  // NOLINTNEXTLINE(*-unsafe-functions, *-insecureAPI.vfork): see the top of this file
  const pid_t id = ::vfork();
  if (id == 0) grow_up(child);
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return id;
}

std::vector<std::string> places_of(const std::string& program) {
  if (program.find('/') != std::string::npos) return {program};
  const char* const variable = std::getenv("PATH");
  std::string_view path = variable != nullptr ? variable : "/usr/local/bin:/usr/bin:/bin";
  std::vector<std::string> all;
  for (;;) {
    const auto colon = path.find(':');
    const std::string_view part = path.substr(0, colon);
    all.push_back((part.empty() ? "." : std::string(part)) + '/' + program);
    if (colon == std::string_view::npos) return all;
    path.remove_prefix(colon + 1);
  }
}

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string name(text.substr(0, text.find('=')));
    // What makes this process a peer does not make one of what it starts.
    if (!added.contains(name) && name != control_variable) all.emplace_back(text);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

std::vector<limit> limits_of(const resource_limits& wanted) {
  std::vector<limit> all;
  const auto add = [&](auto which, std::uint64_t most) {
    if (most != 0) all.push_back({which, most});
  };
  add(RLIMIT_AS, wanted.memory_bytes);
  add(RLIMIT_CPU, wanted.cpu_seconds);
  add(RLIMIT_NOFILE, wanted.open_files);
  return all;
}

std::string text_of(step what, const command& of) {
  std::string program = "cannot run the program " + of.program;
  switch (what) {
    case step::group: return program + " in its process group";
    case step::limits: return program + " with its resource_limits (they only go down)";
    case step::directory: return program + " in the directory " + of.directory;
    case step::files: return program + ": it cannot have its files";
    case step::run: break;
  }
  return program;
}

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

descriptor out_of_the_way(int file) {
  descriptor copy(::fcntl(file, F_DUPFD_CLOEXEC, first_number_of_ours));
  if (!copy) fail(errno, "no descriptor for a child (is the limit of open files reached?)");
  return copy;
}

}  // namespace

pid_t launch(const command& what, const launch_ties& ties) {
  std::vector<std::string> places = places_of(what.program);
  std::vector<std::string> arguments{what.program};
  arguments.insert(arguments.end(), what.arguments.begin(), what.arguments.end());
  std::vector<std::string> environment = merged_environment(what.environment);
  pipe_ends complaints = make_pipe();
  descriptor said = out_of_the_way(complaints.write.get());
  std::vector<descriptor> kept;
  birth child{.places = {},
              .arguments = pointers(arguments),
              .environment = pointers(environment),
              .directory = what.directory.empty() ? nullptr : what.directory.c_str(),
              .limits = limits_of(what.limits),
              .files = {},
              .group = ties.group,
              .dies_with_parent = ties.dies_with_parent,
              .parent = ::getpid(),
              .complaints = said.get()};
  for (const std::string& place : places) child.places.push_back(place.c_str());
  for (const given_file& file : ties.files) {
    kept.push_back(out_of_the_way(file.ours));
    child.files.push_back({file.number, kept.back().get()});
  }

  const pid_t id = give_birth(child);
  if (id < 0) fail(errno, "cannot run the program " + what.program);
  complaints.write.reset();
  said.reset();  // the child has closed its own, by its program or by its end
  complaint about{};
  ssize_t got = 0;
  do got = ::read(complaints.read.get(), &about, sizeof about);
  while (got < 0 && errno == EINTR);
  if (got != sizeof about) return id;
  while (::waitpid(id, nullptr, 0) < 0 && errno == EINTR) {
  }
  fail(about.error, text_of(about.what, what));
}

}  // namespace troupe::net
