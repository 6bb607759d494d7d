// The main function of every test program; compiled once, because version 2 brings its whole
// implementation into the file that defines CATCH_CONFIG_RUNNER.
#define CATCH_CONFIG_RUNNER
#include "support/catch.hpp"
#include "support/instead_of_tests.hpp"
#include "support/repeated_runs.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace {

#if CATCH_VERSION_MAJOR == 2
using listener_base = Catch::TestEventListenerBase;
#else
using listener_base = Catch::EventListenerBase;
#endif

// A test gives back every descriptor that it opened.
class descriptor_audit final : public listener_base {
 public:
  using listener_base::listener_base;
  void testCaseStarting(const Catch::TestCaseInfo& test) override {
    name_ = test.name;
    before_ = open_now();
  }
  void testCaseEnded(const Catch::TestCaseStats&) override {
    const auto after = open_now();
    if (after == before_) return;
    std::fprintf(stderr, "\"%s\" began with %td open descriptors and ended with %td\n",
                 name_.c_str(), before_, after);
    std::abort();
  }

 private:
  static std::ptrdiff_t open_now() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  }
  std::string name_;
  std::ptrdiff_t before_ = 0;
};

using troupe_test::test_run;

int run_repeatedly(Catch::Session& session) {
  const auto& asked = session.config();
  bool once = asked.listTests() || asked.listTags() || asked.listReporters();
#if CATCH_VERSION_MAJOR == 2
  once = once || asked.listTestNamesOnly();
#endif
  const char* const only = std::getenv("TROUPE_SEED");
  std::uint64_t last = once ? 1 : troupe_test::test_runs;
  if (last > 1 && only != nullptr) test_run = last = std::strtoull(only, nullptr, 10);
  for (; test_run <= last; ++test_run) {
    const int failed = session.run();
    if (once) return failed;  // how many there are, in version 2
    if (failed == 0) continue;
    if (troupe_test::test_runs > 1)
      std::fprintf(stderr, "the seed was %ju: run it again with TROUPE_SEED=%ju\n", test_run,
                   test_run);
    return failed;
  }
  return 0;
}

}  // namespace

CATCH_REGISTER_LISTENER(descriptor_audit)

int main(int argc, char** argv) {
  if (instead_of_tests != nullptr)
    if (const auto status = instead_of_tests(argc, argv)) return *status;
  Catch::Session session;
  if (int wrong = session.applyCommandLine(argc, argv)) return wrong;
#if CATCH_VERSION_MAJOR == 2
  // As version 3 does: a name that matches no test is a failure, not a success of zero tests.
  session.configData().warnings = Catch::WarnAbout::NoTests;
#endif
  return run_repeatedly(session);
}
