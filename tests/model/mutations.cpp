#include "model/mutations.hpp"

#include "model/deliberate.hpp"
#include "support/catch.hpp"
#include "support/instead_of_tests.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <new>
#include <set>
#include <stdexcept>

namespace troupe::model {
namespace {

enum class mode : std::uint8_t { off, survey, attempt };
mode doing = mode::off;

struct mutation {
  site* where;
  change what;
  std::memory_order to = std::memory_order_relaxed;
};

std::string test_name;                                 // of the test that runs
std::map<std::string, std::set<const site*>> reached;  // by each test
const mutation* tried = nullptr;
bool deeply = false;
constexpr double seconds_of_deep_search = 10;  // of each test, where TROUPE_DEEP=1

// In memory that the child shares with its parent.
struct result {
  bool found = false;
  std::uint64_t executions = 0;
  double seconds = 0;
  char test[160] = {};
  char failure[160] = {};
};
result* shared = nullptr;

void copy(char (&into)[160], const std::string& text) {
  into[text.copy(into, sizeof into - 1)] = '\0';
}

// One step weaker, as far as the operation can have the order.
std::vector<std::memory_order> weaker(operation what, std::memory_order order) {
  using enum std::memory_order;
  switch (order) {
    case seq_cst:
      if (what == operation::load) return {acquire};
      if (what == operation::store) return {release};
      return {acq_rel};
    case acq_rel: return {acquire, release};
    case acquire:
    case release: return {relaxed};
    default: return {};
  }
}

std::vector<mutation> mutations_of(site& s) {
  std::vector<mutation> all;
  if (s.what == operation::check) return {{&s, change::dropped}};
  for (const auto order : weaker(s.what, s.order)) all.push_back({&s, change::weaker, order});
  switch (s.what) {
    case operation::load: all.push_back({&s, change::blind}); break;
    case operation::store: all.push_back({&s, change::dropped}); break;
    case operation::compare_exchange:
      for (const auto order : weaker(operation::load, s.failure))
        all.push_back({&s, change::weaker_failure, order});
      [[fallthrough]];
    default: all.push_back({&s, change::torn});
  }
  return all;
}

std::string describe(const mutation& m) {
  const auto from_to = [&](std::memory_order from) {
    return execution::name_of(from) + " -> " + execution::name_of(m.to);
  };
  switch (m.what) {
    case change::weaker: return from_to(m.where->order);
    case change::weaker_failure: return "on failure " + from_to(m.where->failure);
    case change::blind: return "sees the first value only";
    case change::torn: return "not one step";
    case change::dropped: return m.where->what == operation::check ? "check dropped" : "dropped";
    case change::none: break;
  }
  return {};
}

std::string source_line(const site& s) {
  std::ifstream file(std::string(TROUPE_SOURCE) + "/" + s.file);
  std::string line;
  for (std::uint32_t i = 0; i < s.line; ++i) std::getline(file, line);
  return line.substr(std::min(line.find_first_not_of(' '), line.size()));
}

// The tests of what is in the product, without Catch's own run around them.
void run_tests() {
  for (const auto& test : Catch::getRegistryHub().getTestCaseRegistry().getAllTests()) {
#if CATCH_VERSION_MAJOR == 2
    const Catch::TestCaseInfo& info = test;
#else
    const Catch::TestCaseInfo& info = test.getTestCaseInfo();
#endif
    test_name = info.name;
    if (std::string_view(info.lineInfo.file).ends_with("_model_test.cpp")) test.invoke();
  }
}

bool deep_wanted() {
  const char* const said = std::getenv("TROUPE_DEEP");
  return said != nullptr && std::string_view(said) == "1";
}

// Runs the tests in a child, with the change made.
void attempt(const mutation& m, bool deep) {
  new (shared) result;
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    doing = mode::attempt;
    tried = &m;
    m.where->changed = m.what;
    m.where->changed_to = m.to;
    deeply = deep;
    ::alarm(300);
    if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(2);
    run_tests();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFSIGNALED(status)) return;
  shared->found = true;
  copy(shared->failure, std::string("ended by signal ") + ::strsignal(WTERMSIG(status)));
}

int report(const std::vector<mutation>& all) {
  int found = 0;
  int deliberate = 0;
  const site* last = nullptr;
  for (const mutation& m : all) {
    const std::string code = source_line(*m.where);
    if (m.where != last)
      std::printf("\n%s:%u  %s\n", m.where->file.c_str(), m.where->line, code.c_str());
    last = m.where;
    const char* const reason = reason_for(m.where->file, code, m.what);
    attempt(m, false);
    if (!shared->found && reason == nullptr && deep_wanted()) attempt(m, true);
    std::printf("  %-32s ", describe(m).c_str());
    if (shared->found) {
      ++found;
      std::printf("found in run %llu, %.1f ms: %s: %s\n",
                  static_cast<unsigned long long>(shared->executions), shared->seconds * 1e3,
                  shared->test, shared->failure);
      if (reason != nullptr) std::printf("    but listed as deliberate: %s\n", reason);
    } else if (reason != nullptr) {
      ++deliberate;
      std::printf("deliberate: %s\n", reason);
    } else {
      std::printf("NOT FOUND\n");
    }
  }
  const auto count = static_cast<int>(all.size());
  std::printf(
      "\n%d changes: %d found, %d deliberately stronger than needed, %d not found; "
      "%.1f %% of those that matter are found\n",
      count, found, deliberate, count - found - deliberate,
      100.0 * found / std::max(1, count - deliberate));
  return count == found + deliberate ? 0 : 1;
}

std::optional<int> run_mutations(int argc, char** argv) {
  if (argc < 2 || std::strcmp(argv[1], "--mutations") != 0) return {};
  const std::string part = argc > 2 ? argv[2] : "";
  shared = static_cast<result*>(
      ::mmap(nullptr, sizeof(result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (shared == MAP_FAILED) throw std::bad_alloc();
  doing = mode::survey;
  run_tests();
  std::vector<mutation> all;
  auto places = sites().all();
  std::sort(places.begin(), places.end(), [](const site* a, const site* b) {
    return std::tie(a->file, a->line, a->column) < std::tie(b->file, b->line, b->column);
  });
  for (site* const s : places)
    if (!s->file.empty() && s->file.find(part) != std::string::npos)
      for (const mutation& m : mutations_of(*s)) all.push_back(m);
  return report(all);
}

[[maybe_unused]] const bool set = (instead_of_tests = run_mutations, true);

}  // namespace

bool mutation_run::active() noexcept { return doing != mode::off; }

void mutation_run::examine(const bounds& within, const std::function<void(execution&)>& program) {
  if (doing == mode::survey) {
    for (site* const s : sites().all()) s->visited = false;
    if (const findings found = explore(within, program); !found.failure.empty())
      throw std::logic_error("the code without a change does not pass: " + found.report());
    for (const site* const s : sites().all())
      if (s->visited) reached[test_name].insert(s);
    return;
  }
  if (!reached[test_name].contains(tried->where)) return;
  bounds bound = within;
  if (!deeply) bound.deep_preemptions = bound.preemptions;
  bound.preemptions = bound.deep_preemptions;
  if (deeply) bound.seconds = seconds_of_deep_search;
  const findings found = explore(bound, program);
  if (found.failure.empty()) return;
  shared->found = true;
  shared->executions = found.executions;
  shared->seconds = found.seconds;
  copy(shared->test, test_name);
  copy(shared->failure, found.failure);
  ::_exit(0);
}

}  // namespace troupe::model
