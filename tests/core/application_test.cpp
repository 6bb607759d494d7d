#include <troupe/application.hpp>

#include "core/supervisor_support.hpp"

using namespace troupe_test;
using troupe::application;
using troupe::boot_error;
using troupe::boot_options;
using troupe::child_spec;
using troupe::one_for_one;
using troupe::restart_type;
using troupe::supervisor;

namespace {

// The tests are not to depend on the environment that they run in.
const boot_options bare{.environment_prefix = ""};

struct bench {
  diary book;
  checked_system sys{{.workers = 1}};

  // An application that is one worker, of the same name, under a supervisor.
  application app(const std::string& name, std::vector<std::string> needs = {},
                  restart_type type = restart_type::permanent) {
    const write_to write = [this](std::string entry) { book.add(std::move(entry)); };
    return application(name, {.needs = std::move(needs), .type = type}, [=] {
      return supervisor(name + " top", one_for_one{.intensity = 0},
                        {child<worker>(name, name, write).registered()});
    });
  }
  // What has happened when the tree has ended.
  std::string end(pid tree) {
    CHECK(comes_true([&] { return !sys->alive(tree); }));
    return book.take();
  }
};

}  // namespace

TEST_CASE("applications start in the order of their needs and stop in reverse") {
  bench b;
  const auto tree = boot(*b.sys,
                         {b.app("web", {"accounts", "log"}), b.app("accounts", {"storage"}),
                          b.app("log"), b.app("storage", {"log"})},
                         bare);
  CHECK(b.book.take() == "+log +storage +accounts +web");
  b.sys->exit(tree, exit_reason::shutdown);
  CHECK(b.end(tree) == "-web -accounts -storage -log");
}

TEST_CASE("applications that need nothing start in the order given") {
  bench b;
  const auto tree = boot(*b.sys, {b.app("c"), b.app("a"), b.app("b")}, bare);
  CHECK(b.book.take() == "+c +a +b");
  const auto running = which_applications(*b.sys, tree);
  REQUIRE(running.size() == 3);
  CHECK(running[0].name == "c");
  CHECK(running[2].name == "b");
  CHECK(b.sys->alive(running[1].top));
}

TEST_CASE("applications that are missing or given twice or need each other are named") {
  bench b;
  CHECK_THROWS_WITH(boot(*b.sys, {b.app("web", {"storge"}), b.app("storage")}, bare),
                    matchers::ContainsSubstring(
                        "web needs storge, which is not among those given: web, storage"));
  CHECK_THROWS_WITH(boot(*b.sys, {b.app("a"), b.app("a")}, bare),
                    matchers::ContainsSubstring("a is given twice"));
  CHECK_THROWS_WITH(
      boot(*b.sys, {b.app("x", {"a"}), b.app("a", {"b"}), b.app("b", {"c"}), b.app("c", {"a"})},
           bare),
      matchers::EndsWith("need each other: a -> b -> c -> a"));
  CHECK_THROWS_AS(boot(*b.sys, {b.app("self", {"self"})}, bare), boot_error);
  CHECK(b.book.take().empty());
  b.sys.await_counts({});
}

TEST_CASE("an application that does not start stops those started and boot says why") {
  class broken : public troupe::server {
   public:
    using handles = troupe::messages<>;
    broken() { throw std::runtime_error("no disk"); }
  };
  bench b;
  const application bad("storage", {.needs = {"log"}}, [] { return child<broken>("broken"); });
  CHECK_THROWS_WITH(
      boot(*b.sys, {b.app("web", {"storage"}), bad, b.app("log")}, bare),
      matchers::ContainsSubstring("child storage") && matchers::ContainsSubstring("no disk"));
  CHECK(b.book.take() == "+log -log");
  b.sys.await_counts({});
}

TEST_CASE("the type of an application says whether its end stops the others") {
  struct row {
    restart_type type;
    exit_reason why;
    bool stops;
  };
  const row rows[] = {{restart_type::permanent, exit_reason::normal, true},
                      {restart_type::permanent, exit_reason::shutdown, true},
                      {restart_type::permanent, exit_reason::of(5), true},
                      {restart_type::transient, exit_reason::normal, false},
                      {restart_type::transient, exit_reason::shutdown, false},
                      {restart_type::transient, exit_reason::of(5), true},
                      {restart_type::temporary, exit_reason::normal, false},
                      {restart_type::temporary, exit_reason::of(5), false}};
  for (const row& r : rows) {
    INFO("type " << static_cast<int>(r.type) << ", " << to_string(r.why));
    bench b;
    const write_to write = [&b](std::string entry) { b.book.add(std::move(entry)); };
    const application middle("b", {.type = r.type}, [=] { return child<worker>("b", "b", write); });
    const auto tree = boot(*b.sys, {b.app("a"), middle, b.app("c")}, bare);
    CHECK(b.book.take() == "+a +b +c");
    b.sys->send(which_applications(*b.sys, tree)[1].top, end_with{r.why});
    if (r.stops) {
      CHECK(b.end(tree) == "-b -c -a");
    } else {
      CHECK(comes_true([&] { return b.book.take() == "-b"; }));
      CHECK(b.sys->alive(tree));
      CHECK(b.sys->whereis("c"));
    }
  }
}

TEST_CASE("a check of options that refuses them is told with the application's name") {
  struct options {
    int least = 5;
    int most = 3;
    void check() const {
      if (least > most) throw std::invalid_argument("least is more than most");
    }
  };
  bench b;
  const application odd(
      "odd", {}, [](const options&) -> child_spec { throw std::logic_error("it was started"); });
  CHECK_THROWS_AS(boot(*b.sys, {odd}, bare), troupe::config_error);
  CHECK_THROWS_WITH(boot(*b.sys, {odd}, bare),
                    matchers::ContainsSubstring("odd: least is more than most"));
}

TEST_CASE("a configuration that cannot be read is told with its name") {
  bench b;
  CHECK_THROWS_WITH(boot(*b.sys, {b.app("a")}, {.config_file = "/no/such.toml"}),
                    matchers::ContainsSubstring("/no/such.toml: cannot read the configuration: "
                                                "No such file"));
}
