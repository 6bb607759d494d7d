// The main function of every test program; compiled once, because version 2 brings its whole
// implementation into the file that defines CATCH_CONFIG_RUNNER.
#define CATCH_CONFIG_RUNNER
#include "support/catch.hpp"
#include "support/instead_of_tests.hpp"

int main(int argc, char** argv) {
  if (instead_of_tests != nullptr)
    if (const auto status = instead_of_tests(argc, argv)) return *status;
  Catch::Session session;
  if (int wrong = session.applyCommandLine(argc, argv)) return wrong;
#if CATCH_VERSION_MAJOR == 2
  // As version 3 does: a name that matches no test is a failure, not a success of zero tests.
  session.configData().warnings = Catch::WarnAbout::NoTests;
#endif
  return session.run();
}
